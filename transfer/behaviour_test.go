package transfer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

func TestChunkSizesAgree(t *testing.T) {
	if framing.ChunkSize != checksum.ChunkSize {
		t.Fatalf("the wire has chunks of %d bytes, the tree of %d", framing.ChunkSize, checksum.ChunkSize)
	}
}

func withPolicy(p transfer.ConflictPolicy) setup {
	return func(_ *send.Options, r *receive.Options, _ *sides) { r.OnConflict = p }
}

func TestConflicts(t *testing.T) {
	const old, offered = "old content", "new, longer content"
	for _, c := range []struct {
		name     string
		policy   transfer.ConflictPolicy
		existing string // "": a folder
		final    string
		renamed  bool
		status   transfer.Status
		code     framing.Code
	}{
		{"fail keeps", transfer.ConflictFail, old, old, false, 0, framing.CodeConflict},
		{"skip keeps", transfer.ConflictSkip, old, old, false, transfer.StatusSkipped, 0},
		{"overwrite replaces", transfer.ConflictOverwrite, old, offered, false, transfer.StatusReplaced, 0},
		{"rename keeps both", transfer.ConflictRename, old, old, true, transfer.StatusRenamed, 0},
		{"rename keeps both of one size", transfer.ConflictRename, "old, longer content", "old, longer content", true, transfer.StatusRenamed, 0},
		{"fail takes equal content", transfer.ConflictFail, offered, offered, false, transfer.StatusAdjusted, 0},
		{"rename takes equal content", transfer.ConflictRename, offered, offered, false, transfer.StatusAdjusted, 0},
		{"a folder is never replaced", transfer.ConflictOverwrite, "", "", false, 0, framing.CodeOtherKind},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, dst := t.TempDir(), t.TempDir()
			must(t, os.WriteFile(filepath.Join(src, "f.txt"), []byte(offered), 0o644))
			must(t, os.WriteFile(filepath.Join(src, "other"), []byte("other"), 0o644))
			at := filepath.Join(dst, "f.txt")
			if c.existing == "" {
				must(t, os.Mkdir(at, 0o755))
			} else {
				must(t, os.WriteFile(at, []byte(c.existing), 0o644))
				must(t, os.Chtimes(at, time.Unix(1e9, 0), time.Unix(1e9, 0)))
			}
			for run := range 2 {
				s := deliver(t, t.Context(), dst, named(filepath.Join(src, "f.txt"), filepath.Join(src, "other")), withPolicy(c.policy))
				if c.code != 0 {
					if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) {
						t.Fatalf("ended with %v and %v", s.sendErr, s.receiveErr)
					}
					for _, r := range []transfer.Result{s.sent, s.received} {
						if len(r.Failures) != 1 || r.Failures[0].Code != c.code {
							t.Fatalf("failures %v", r.Failures)
						}
					}
				} else {
					if c.status == transfer.StatusSkipped {
						s.skips(t, 1)
					} else {
						s.ok(t)
					}
					want := c.status
					if run == 1 && want != transfer.StatusSkipped {
						want = transfer.StatusSame
					}
					for _, d := range find[transfer.ItemDone](s.receiveSaw) {
						if d.Path == "f.txt" && d.Status != want {
							t.Errorf("run %d: %v, want %v", run, d.Status, want)
						}
					}
				}
				if c.existing != "" {
					b, err := os.ReadFile(at)
					if err != nil || string(b) != c.final {
						t.Errorf("the file has %q, %v", b, err)
					}
				}
				b, err := os.ReadFile(filepath.Join(dst, "f (1).txt"))
				if c.renamed != (err == nil) || c.renamed && string(b) != offered {
					t.Errorf("the renamed file has %q, %v", b, err)
				}
				if _, err := os.Stat(filepath.Join(dst, "f (2).txt")); err == nil {
					t.Error("renamed twice")
				}
				sameFile(t, filepath.Join(src, "other"), filepath.Join(dst, "other"))
			}
		})
	}
}

func TestChecksumFindsWhatTimesHide(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, size := range []int{10, 100 << 10, 3 * mib} {
		name := filepath.Base(strings.Repeat("n", size%7+1))
		write(t, filepath.Join(src, name), size, 1)
	}
	deliver(t, t.Context(), dst, contents(src)).ok(t)
	bySum := func(s *send.Options, r *receive.Options, _ *sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictOverwrite
	}
	s := deliver(t, t.Context(), dst, contents(src), bySum).ok(t)
	if s.sent.Moved != 0 {
		t.Errorf("moved %d bytes of equal files", s.sent.Moved)
	}
	for _, d := range find[transfer.ItemDone](s.sendSaw) {
		if d.Kind == tree.File && !d.Hashed {
			t.Errorf("%q was not verified", d.Path)
		}
	}
	entries, err := os.ReadDir(dst)
	must(t, err)
	for _, e := range entries {
		p := filepath.Join(dst, e.Name())
		info, err := os.Stat(p)
		must(t, err)
		b, err := os.ReadFile(p)
		must(t, err)
		b[len(b)/2]++
		must(t, os.WriteFile(p, b, 0o640))
		must(t, os.Chtimes(p, info.ModTime(), info.ModTime()))
	}
	plain := deliver(t, t.Context(), dst, contents(src)).ok(t)
	if plain.sent.Moved != 0 {
		t.Fatalf("size and mtime are equal, and %d bytes moved", plain.sent.Moved)
	}
	deliver(t, t.Context(), dst, contents(src), bySum).ok(t)
	sameTree(t, src, dst)
}

// More files than may be open at once: none may wait for another to be settled
// that stands behind it.
func TestManyFilesThatDifferByDigest(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for i := range 300 {
		write(t, filepath.Join(src, fmt.Sprint(i)), 2000, uint64(i))
		write(t, filepath.Join(dst, fmt.Sprint(i)), 2000, uint64(i)+1)
	}
	for i := range 140 {
		name := fmt.Sprintf("large %d", i)
		write(t, filepath.Join(src, name), mib+1, 1)
		write(t, filepath.Join(dst, name), mib+1, 2)
	}
	deliver(t, t.Context(), dst, contents(src), func(s *send.Options, r *receive.Options, _ *sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictOverwrite
	}).ok(t)
	sameTree(t, src, dst)
	renames := func(s *send.Options, r *receive.Options, _ *sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictRename
	}
	write(t, filepath.Join(src, "0"), 2000, 7777)
	for range 2 {
		deliver(t, t.Context(), dst, contents(src), renames).ok(t)
	}
	sameFile(t, filepath.Join(src, "0"), filepath.Join(dst, "0 (1)"))
	if _, err := os.Stat(filepath.Join(dst, "0 (2)")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was renamed twice: %v", err)
	}
}

func TestManyLargeFilesThatVanish(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const files = 200
	for i := range files {
		name := filepath.Join(src, fmt.Sprint(i))
		must(t, os.WriteFile(name, nil, 0o644))
		must(t, os.Truncate(name, mib+1))
	}
	s := deliver(t, t.Context(), dst, contents(src), func(_ *send.Options, r *receive.Options, _ *sides) {
		r.Accept = func(context.Context, transfer.Offer) error {
			for i := range files {
				must(t, os.Remove(filepath.Join(src, fmt.Sprint(i))))
			}
			return nil
		}
	})
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) || s.sent.Failed != files || s.received.Failed != files {
		t.Errorf("ended with %v (%d failed) and %v (%d failed)", s.sendErr, s.sent.Failed, s.receiveErr, s.received.Failed)
	}
}

// A file that is written all the time must not be waited for.
func TestFileThatNeverRestsEnds(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "log")
	write(t, path, 200<<10, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := f.WriteString("x"); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		}
	})
	s := deliver(t, t.Context(), dst, contents(src))
	close(stop)
	wg.Wait()
	if s.sendErr == nil { // the writer was held up for as long as it took
		got, err := os.ReadFile(filepath.Join(dst, "log"))
		all, aerr := os.ReadFile(path)
		if err != nil || aerr != nil || !bytes.HasPrefix(all, got) {
			t.Errorf("published %d bytes that were never in the file (%v)", len(got), err)
		}
		return
	}
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || len(s.sent.Failures) != 1 || s.sent.Failures[0].Code != framing.CodeChanged {
		t.Errorf("ended with %v, %v", s.sendErr, s.sent.Failures)
	}
}

func TestRenamedLinkIsTakenForDone(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	must(t, os.Symlink("new", filepath.Join(src, "l")))
	must(t, os.Symlink("old", filepath.Join(dst, "l")))
	for range 3 {
		deliver(t, t.Context(), dst, contents(src), withPolicy(transfer.ConflictRename)).ok(t)
	}
	names, err := os.ReadDir(dst)
	if err != nil || len(names) != 2 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

// changeWhileRead rewrites path once, when the sender has begun to send it.
func changeWhileRead(path string, times int, change func(n int)) setup {
	return func(_ *send.Options, _ *receive.Options, s *sides) {
		var mu sync.Mutex
		n := 0
		s.sendSaw.act = func(e transfer.Event) {
			if p, ok := e.(transfer.Progress); ok && p.Moved > 0 && strings.HasSuffix(p.Active, filepath.Base(path)) {
				mu.Lock()
				defer mu.Unlock()
				if n < times {
					n++
					change(n)
				}
			}
		}
	}
}

func TestFileThatChangesWhileReadIsSentAgain(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "changing")
	write(t, path, 20*mib, 1)
	deliver(t, t.Context(), dst, contents(src), changeWhileRead(path, 1, func(int) {
		write(t, path, 21*mib+5, 2)
	})).ok(t)
	sameTree(t, src, dst)
}

// Small files are read long after they were listed, when many stand before them.
func TestSmallFileThatChangedSinceItWasListed(t *testing.T) {
	for _, change := range []func(path string){
		func(p string) { write(t, p, 7, 2) },
		func(p string) { write(t, p, 0, 2) },
		func(p string) { write(t, p, 100<<10, 2) },
		func(p string) { write(t, p, 3*mib, 2) },
		func(p string) { must(t, os.Chmod(p, 0o600)) },
	} {
		src, dst := t.TempDir(), t.TempDir()
		path := filepath.Join(src, "f")
		write(t, path, 5, 1)
		deliver(t, t.Context(), dst, contents(src), func(_ *send.Options, r *receive.Options, _ *sides) {
			r.Accept = func(context.Context, transfer.Offer) error { change(path); return nil }
		}).ok(t)
		sameTree(t, src, dst)
	}
}

func TestFileThatKeepsChangingIsNotPublished(t *testing.T) {
	for _, allow := range []bool{false, true} {
		src, dst := t.TempDir(), t.TempDir()
		path := filepath.Join(src, "changing")
		write(t, path, 20*mib, 1)
		write(t, filepath.Join(src, "calm"), 10, 2)
		s := deliver(t, t.Context(), dst, contents(src), changeWhileRead(path, 1<<30, func(n int) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("more")
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Error(err)
			}
		}), func(o *send.Options, _ *receive.Options, _ *sides) { o.AllowChanged = allow })
		sameFile(t, filepath.Join(src, "calm"), filepath.Join(dst, "calm"))
		got, err := os.ReadFile(filepath.Join(dst, "changing"))
		if allow {
			s.ok(t)
			now, rerr := os.ReadFile(path)
			if err != nil || rerr != nil || !bytes.HasPrefix(now, got) || len(got) < 20*mib {
				t.Errorf("published %d bytes that are no prefix of the file (%v)", len(got), err)
			}
			continue
		}
		if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) {
			t.Errorf("ended with %v and %v", s.sendErr, s.receiveErr)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was published: %v", err)
		}
	}
}

func toOutput(w io.Writer) setup {
	return func(_ *send.Options, r *receive.Options, _ *sides) { r.Output = w }
}

func TestOneFileComesRaw(t *testing.T) {
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, mib, mib + 1, 5*mib + 3} {
		var out bytes.Buffer
		path := filepath.Join(t.TempDir(), "f")
		b := write(t, path, size, 1)
		s := deliver(t, t.Context(), "", named(path), toOutput(&out)).ok(t)
		if !bytes.Equal(out.Bytes(), b) || s.sent.Durable {
			t.Errorf("%d bytes came as %d, durable %v", size, out.Len(), s.sent.Durable)
		}
	}
}

func TestTreeComesAsTar(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "d/a"), 3*mib, 1)
	write(t, filepath.Join(src, "d/b"), 10, 2)
	write(t, filepath.Join(src, "d/c/\xffodd\nname"), 100<<10, 3)
	write(t, filepath.Join(src, "d/zero"), 0, 3)
	must(t, os.Mkdir(filepath.Join(src, "d/empty"), 0o755))
	must(t, os.Symlink("a", filepath.Join(src, "d/link")))
	var out bytes.Buffer
	deliver(t, t.Context(), "", named(filepath.Join(src, "d")), toOutput(&out)).ok(t)
	r := tar.NewReader(&out)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		p := filepath.Join(dst, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			must(t, os.Mkdir(p, 0o755))
			defer os.Chtimes(p, h.ModTime, h.ModTime)
		case tar.TypeSymlink:
			must(t, os.Symlink(h.Linkname, p))
		default:
			b, err := io.ReadAll(r)
			must(t, err)
			must(t, os.WriteFile(p, b, h.FileInfo().Mode()))
			must(t, os.Chtimes(p, h.ModTime, h.ModTime))
		}
	}
	for _, p := range []string{"d", "d/c", "d/empty"} {
		info, err := os.Stat(filepath.Join(src, p))
		must(t, err)
		must(t, os.Chtimes(filepath.Join(dst, p), info.ModTime(), info.ModTime()))
	}
	sameTree(t, filepath.Join(src, "d"), filepath.Join(dst, "d"))
}

func stream(name string, r io.Reader) []send.Source {
	return []send.Source{{Source: tree.Source{Name: name}, Reader: r}}
}

func TestStreamOfUnknownLength(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, mib - 1, mib, mib + 1, 2 * mib, 5*mib + 7} {
		b := write(t, filepath.Join(t.TempDir(), "x"), size, uint64(size))
		dst := t.TempDir()
		s := deliver(t, t.Context(), dst, stream("s", io.MultiReader(bytes.NewReader(b[:size/3]), bytes.NewReader(b[size/3:])))).ok(t)
		got, err := os.ReadFile(filepath.Join(dst, "s"))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes came as %d: %v", size, len(got), err)
		}
		done := find[transfer.ItemDone](s.sendSaw)
		if len(done) != 1 || done[0].Digest != checksum.Sum(b) || done[0].Size != int64(size) {
			t.Errorf("the digest of %d bytes: %+v", size, done)
		}
		var out bytes.Buffer
		deliver(t, t.Context(), "", stream("s", bytes.NewReader(b)), toOutput(&out)).ok(t)
		if !bytes.Equal(out.Bytes(), b) {
			t.Errorf("%d bytes came raw as %d", size, out.Len())
		}
	}
}

// notify hands on what is written, piece by piece.
type notify chan []byte

func (n notify) Write(p []byte) (int, error) {
	n <- bytes.Clone(p)
	return len(p), nil
}

func TestStreamFlowsBeforeItsEnd(t *testing.T) {
	in, feed := io.Pipe()
	out := make(notify)
	got := make(chan *sides)
	go func() { got <- deliver(t, t.Context(), "", stream("s", in), toOutput(out)) }()
	for _, word := range []string{"first", "second"} {
		if _, err := io.WriteString(feed, word); err != nil {
			t.Fatal(err)
		}
		if b := <-out; string(b) != word {
			t.Fatalf("%q came as %q", word, b)
		}
	}
	must(t, feed.Close())
	(<-got).ok(t)
}

func TestTruncatedStreamIsNeverSuccess(t *testing.T) {
	broken := errors.New("broken pipe upstream")
	src := io.MultiReader(strings.NewReader(strings.Repeat("x", 3*mib)), failingReader{broken})
	dst := t.TempDir()
	s := deliver(t, t.Context(), dst, stream("s", src))
	if s.sendErr == nil || s.receiveErr == nil {
		t.Errorf("ended with %v and %v", s.sendErr, s.receiveErr)
	}
	if _, err := os.Stat(filepath.Join(dst, "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a truncated stream was published: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dst, ".ferry-partial")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stream left something behind: %v", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

type closedPipe struct{ left int }

func (c *closedPipe) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(p), nil
}

func TestClosedOutputEndsBothSides(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, 8*mib, 1)
	s := deliver(t, t.Context(), "", named(path), toOutput(&closedPipe{left: 2 * mib}))
	for _, err := range []error{s.sendErr, s.receiveErr} {
		var e *transfer.Error
		if !errors.As(err, &e) || e.Code != framing.CodeIO {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestDeclineWritesNothing(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "f"), 10, 1)
	no := errors.New("not now")
	s := deliver(t, t.Context(), dst, contents(src), func(_ *send.Options, r *receive.Options, _ *sides) {
		r.Accept = func(context.Context, transfer.Offer) error { return no }
	})
	var e *transfer.Error
	if !errors.As(s.sendErr, &e) || e.Code != framing.CodeDeclined || !e.Remote || !errors.Is(s.receiveErr, no) {
		t.Errorf("ended with %v and %v", s.sendErr, s.receiveErr)
	}
	if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

// The link is read while a person thinks about the offer: what the sender does
// meanwhile is noticed.
func TestSenderThatLeavesEndsTheQuestion(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "f"), 10, 1)
	ctx, cancel := context.WithCancel(t.Context())
	a, b := pair(t)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	must(t, err)
	defer d.Close()
	received := make(chan error)
	go func() {
		_, err := receive.Receive(t.Context(), b, receive.Options{Destination: d, Accept: func(asked context.Context, _ transfer.Offer) error {
			cancel()
			<-asked.Done()
			return context.Cause(asked)
		}})
		received <- err
	}()
	if _, err := send.Send(ctx, a, send.Options{Sources: contents(src)}); !errors.Is(err, context.Canceled) {
		t.Errorf("the sender ended with %v", err)
	}
	var e *transfer.Error
	if err := <-received; !errors.As(err, &e) || e.Code != framing.CodeInterrupted || !e.Remote {
		t.Errorf("the receiver ended with %v", err)
	}
}

func TestMissingSourceFailsAlone(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "there"), 10, 1)
	s := deliver(t, t.Context(), dst, named(filepath.Join(src, "there"), filepath.Join(src, "gone")))
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.sendErr, s.receiveErr)
	}
	if len(s.sent.Failures) != 1 || s.sent.Failures[0].Code != framing.CodeVanished || s.received.Failed != 1 {
		t.Errorf("sender %v, receiver counts %d", s.sent.Failures, s.received.Failed)
	}
	sameFile(t, filepath.Join(src, "there"), filepath.Join(dst, "there"))
}

func TestLinksThatLeaveTheTree(t *testing.T) {
	src := t.TempDir()
	must(t, os.Symlink("/etc/passwd", filepath.Join(src, "absolute")))
	must(t, os.Symlink("../outside", filepath.Join(src, "above")))
	must(t, os.Symlink("inside", filepath.Join(src, "fine")))
	for _, c := range []struct {
		policy transfer.LinkPolicy
		links  int
		failed int64
	}{{transfer.LinksSafe, 1, 2}, {transfer.LinksAll, 3, 0}, {transfer.LinksSkip, 0, 0}} {
		dst := t.TempDir()
		s := deliver(t, t.Context(), dst, contents(src), func(_ *send.Options, r *receive.Options, _ *sides) { r.Links = c.policy })
		names, err := os.ReadDir(dst)
		must(t, err)
		if len(names) != c.links || s.received.Failed != c.failed {
			t.Errorf("policy %d: %d links, %d failed", c.policy, len(names), s.received.Failed)
		}
	}
}
