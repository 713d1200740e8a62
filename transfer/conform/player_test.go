package conform

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// ofLadder tells frames that come before both sides are proven. They are in a
// transcript for whoever reads it; here the links prove themselves.
func ofLadder(t framing.Type) bool { return t == framing.TypeHello || t == framing.TypeProof }

// player says over l what one side of a session says. Each frame leaves when the other
// side has said all that it said before that frame in the session. The link is closed once
// the other side has ended it: Close reads what comes, as hear does.
func play(l *link.Link, s *session, side string, cue cues) (said, due *ledger) {
	due = newLedger()
	said, read := hear(l)
	asked := false
	for _, f := range s.frames {
		switch {
		case ofLadder(f.typ):
		case f.from != side:
			due.add(f)
		default:
			said.await(due)
			if f.typ == framing.TypeWant && !asked {
				asked = true
				cue.asking()
			}
			// The other side may have left; what is missing then shows below.
			_ = l.Stream(f.stream).Send(true, f.typ, f.body)
		}
	}
	said.await(due)
	cue.said()
	<-read
	_ = l.Close()
	return said, due
}

// cues are what a player does beside saying frames.
type cues struct {
	asking func() // before the first WANT
	said   func() // when the other side has said all
}

// hear takes what the other side of l says, until it ends; then read is closed.
func hear(l *link.Link) (said *ledger, read <-chan struct{}) {
	said = newLedger()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer said.end()
		for {
			t, _, err := l.Stream(0).Next()
			if err != nil {
				return
			}
			body, err := l.Stream(0).Body()
			if err != nil {
				return
			}
			said.add(frame{typ: t, body: append([]byte(nil), body...)})
		}
	}()
	return said, ended
}

// place is where an item of the sender stands at the receiver.
func (s *session) place(path string) string {
	if path == s.root {
		return "."
	}
	return strings.TrimPrefix(path, s.root+"/")
}

// lay makes items below dir, at the places that at says.
func lay(t *testing.T, dir string, items []item, at func(string) string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	where := func(path string) string { return filepath.Join(dir, filepath.FromSlash(at(path))) }
	for _, it := range items {
		switch path := where(it.path); it.kind {
		case framing.KindFolder:
			must(os.MkdirAll(path, 0o700))
		case framing.KindSymlink:
			must(os.Symlink(it.target, path))
		case framing.KindHardLink:
			must(os.Link(where(it.target), path))
		default:
			must(os.WriteFile(path, it.content(0, it.length), 0o600))
		}
	}
	// Last, since what is made in a folder changes its time.
	for _, it := range slices.Backward(items) {
		if it.target == "" {
			must(os.Chmod(where(it.path), os.FileMode(it.mode)))
			must(os.Chtimes(where(it.path), time.Unix(it.sec, 0), time.Unix(it.sec, 0)))
		}
	}
}

// sources are the items at the top, in the order of the transcript.
func (s *session) sources(dir string) (all []send.Source) {
	for _, it := range s.items {
		if !strings.Contains(it.path, "/") {
			all = append(all, send.Source{Source: tree.Source{Path: filepath.Join(dir, it.path), Name: it.path, Contents: it.path == s.root}})
		}
	}
	return all
}

// metadata is what the flags of the session ask for.
func (s *session) metadata() tree.Metadata {
	return tree.Metadata{HardLinks: s.flags&framing.FlagHardLinks != 0}
}

// check compares dir with the items.
func (s *session) check(t *testing.T, dir string) {
	t.Helper()
	where := func(path string) string { return filepath.Join(dir, filepath.FromSlash(s.place(path))) }
	for _, it := range s.items {
		info, err := os.Lstat(where(it.path))
		if it.fault != 0 {
			if it.kind != framing.KindFolder && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s was given up, and is there: %v", it.path, err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		switch it.kind {
		case framing.KindSymlink:
			if target, err := os.Readlink(where(it.path)); err != nil || target != it.target {
				t.Errorf("%s leads to %q, %v", it.path, target, err)
			}
			continue
		case framing.KindHardLink:
			if of, err := os.Lstat(where(it.target)); err != nil || !os.SameFile(info, of) {
				t.Errorf("%s is not %s, %v", it.path, it.target, err)
			}
			continue
		case framing.KindFile:
			content, err := os.ReadFile(where(it.path))
			if err != nil || !bytes.Equal(content, it.content(0, it.length)) {
				t.Errorf("%s has other content: %d bytes, %v", it.path, len(content), err)
			}
		}
		if uint32(info.Mode().Perm()) != it.mode || info.ModTime().Unix() != it.sec {
			t.Errorf("%s is %v of %v", it.path, info.Mode(), info.ModTime())
		}
	}
}

// pipe is a link in memory.
func pipe(t *testing.T) (sender, receiver *link.Link) {
	t.Helper()
	a, b, err := link.Pipe(link.Config{Role: link.Sender, Capabilities: framing.CapText}, link.Config{Role: link.Receiver, Capabilities: framing.CapText})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// againstReceiver plays the sender of a session to a real receiver, which has dst.
func againstReceiver(t *testing.T, s *session, dst string) (err error) {
	t.Helper()
	folder, err := local.NewFolder(dst, local.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	}()
	return playSender(t, s, receive.Options{Destination: folder, OnConflict: transfer.ConflictOverwrite, Metadata: s.metadata()})
}

// playSender plays the sender of a session to a real receiver, and returns how that ended.
func playSender(t *testing.T, s *session, o receive.Options) error {
	t.Helper()
	a, done := receiverOf(t, o)
	said, due := play(a, s, fromSender, cues{said: func() {}})
	err := <-done
	for _, f := range said.differs(due, s.broken()) {
		t.Errorf("%s: the receiver: %s", s.name, f)
	}
	return err
}

// receiverOf runs a real receiver, and returns the link on which its sender is to be played.
func receiverOf(t *testing.T, o receive.Options) (a *link.Link, done <-chan error) {
	a, b := pipe(t)
	ended := make(chan error, 1)
	go func() {
		_, err := receive.Receive(t.Context(), b, o)
		ended <- err
	}()
	return a, ended
}

// senderOf runs a real sender, and returns the link on which its receiver is to be played.
func senderOf(t *testing.T, ctx context.Context, o send.Options) (b *link.Link, done <-chan error) {
	a, b := pipe(t)
	ended := make(chan error, 1)
	go func() {
		_, err := send.Send(ctx, a, o)
		ended <- err
	}()
	return b, ended
}

// againstSender plays the receiver of a session to a real sender of the items in src.
// A session that its sender breaks off is broken off here once all before that came.
func againstSender(t *testing.T, s *session, src string) (err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b, done := senderOf(t, ctx, send.Options{Sources: s.sources(src), Streams: 1, Checksum: s.flags&framing.FlagChecksum != 0, Metadata: s.metadata()})
	script := *s
	if s.broken() {
		script.frames = s.frames[:len(s.frames)-1]
	}
	said, due := play(b, &script, fromReceiver, cues{asking: func() { s.vanish(t, src) }, said: func() {
		if s.broken() {
			cancel()
		}
	}})
	err = <-done
	for _, f := range said.differs(due, s.broken()) {
		t.Errorf("%s: the sender: %s", s.name, f)
	}
	return err
}

// vanish removes what the sender announced and is to give up.
func (s *session) vanish(t *testing.T, src string) {
	t.Helper()
	for _, it := range s.items {
		if it.fault != 0 {
			if err := os.Remove(filepath.Join(src, filepath.FromSlash(it.path))); err != nil {
				t.Error(err)
			}
		}
	}
}

// incomplete tells whether an item is not delivered, as a side of that name sees it.
func (s *session) incomplete(t *testing.T, side string) bool {
	t.Helper()
	for _, f := range s.frames {
		switch f.typ {
		case framing.TypeEnd:
			if m, err := framing.ParseEnd(f.body); err != nil || m.Failed > 0 {
				return true
			}
		case framing.TypeReceipt:
			m, err := framing.ParseReceipt(f.body)
			return err != nil || m.Failed > 0 || side == fromSender && m.Skipped > 0
		}
	}
	return false
}

// broken tells whether the session ends with a sender that leaves before the receipt.
func (s *session) broken() bool {
	last := s.frames[len(s.frames)-1]
	if last.typ != framing.TypeBye {
		return false
	}
	b, err := framing.ParseBye(last.body)
	return err == nil && b.Code != framing.CodeNone
}
