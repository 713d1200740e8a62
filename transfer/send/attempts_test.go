package send

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// tried is a file of two chunks in flight, with all that attempts at it need.
type tried struct {
	t       *testing.T
	path    string
	attempt *attempts
	content *content
	sent    []frame
}

func tryFile(t *testing.T, o Options, accept framing.Accept) (*tried, *attempt) {
	f := &tried{t: t, path: filepath.Join(t.TempDir(), "f")}
	f.write(2 * checksum.ChunkSize)
	dirs := tree.NewDirs(4)
	t.Cleanup(func() { _ = dirs.Close() })
	var item *tree.Item
	walk := tree.Walk{Dirs: dirs, Sources: []tree.Source{{Path: f.path, Name: "f"}}}
	if err := walk.Run(t.Context(), func(it *tree.Item) error { item = it; return nil }); err != nil {
		t.Fatal(err)
	}
	out := &fakeStream{sent: func(ty framing.Type, body []byte) { f.sent = append(f.sent, frame{ty, body}) }}
	f.attempt = &attempts{out: out, book: newTestBook(t), terms: newTerms(&o), promise: new(promise), track: progress.New(nil), asRead: o.AllowChanged}
	f.attempt.terms.settle(accept)
	f.attempt.track.Announced(1, item.Size)
	f.content = &content{entry: &entry{item: item, most: item.Size}, source: storage.OfItem(item), slots: flow.NewGauge(t.Context(), 4)}
	f.attempt.book.announce(f.content.entry)
	a, err := f.content.begin(0)
	if err != nil {
		t.Fatal(err)
	}
	return f, a
}

func (f *tried) write(size int) {
	f.t.Helper()
	if err := os.WriteFile(f.path, pattern(size), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// settle settles all chunks of an attempt, and tells whether the last of them ended it.
func (f *tried) settle(a *attempt) (done bool) {
	f.t.Helper()
	for i := range checksum.Chunks(a.size()) {
		buf := make([]byte, checksum.ChunkLen(a.size(), i))
		data, stale, err := f.content.read(a, i, buf)
		if err != nil || stale {
			f.t.Fatalf("chunk %d: stale: %v, %v", i, stale, err)
		}
		if done, err = f.content.settle(a, i, checksum.Check(data, i, a.small()), true); err != nil {
			f.t.Fatal(err)
		}
	}
	return done
}

// last is the frame that was sent last; there were n.
func (f *tried) last(n int) frame {
	f.t.Helper()
	if len(f.sent) != n {
		f.t.Fatalf("%d frames were sent, want %d", len(f.sent), n)
	}
	return f.sent[n-1]
}

// A file that changes gets another attempt, with its new size; what belongs to the one
// before is stale. After the last attempt it is given up.
func TestAnotherAttempt(t *testing.T) {
	f, a := tryFile(t, Options{}, framing.Accept{})
	for n := 1; n < readAttempts; n++ {
		f.write((2 + n) * checksum.ChunkSize)
		if err := f.attempt.finish(f.content, a); err != nil {
			t.Fatal(err)
		}
		m := f.last(n)
		c, err := framing.ParseChanged(m.body)
		if err != nil || int(c.Attempt) != n || int(c.Size) != (2+n)*checksum.ChunkSize {
			t.Fatalf("%v %+v, %v", m.t, c, err)
		}
		if err := f.attempt.again(f.content, a); err != nil {
			t.Fatal(err)
		}
		f.last(n) // it had its effect
		if _, stale, _ := f.content.read(a, 0, make([]byte, checksum.ChunkSize)); !stale {
			t.Error("an attempt that is over is read")
		}
		for i := range checksum.Chunks(a.size()) {
			if done, err := f.content.settle(a, i, [32]byte{}, true); done || err != nil {
				t.Error("an attempt that is over is settled")
			}
		}
		if _, ok, _ := f.content.seal(a); ok {
			t.Error("an attempt that is over ends with FILEEND")
		}
		if a, _ = f.content.current(uint8(n)); a == nil {
			t.Fatalf("attempt %d is not under way", n)
		}
		if a.left != checksum.Chunks(a.size()) {
			t.Errorf("attempt %d begins with %d chunks left", n, a.left)
		}
	}
	if total := f.attempt.track.Walked(); total != a.size() {
		t.Errorf("%d bytes are expected of %d", total, a.size())
	}
	f.write(10)
	if err := f.attempt.finish(f.content, a); err != nil {
		t.Fatal(err)
	}
	fault, err := framing.ParseFault(f.last(readAttempts).body)
	if err != nil || fault.Code != framing.CodeChanged {
		t.Errorf("%+v, %v", fault, err)
	}
	if a, _ := f.content.current(readAttempts - 1); a != nil {
		t.Error("an attempt at a file that was given up goes on")
	}
}

// What was sent in order cannot be sent again: the file is given up, or goes as it was read.
func TestAttemptInOrder(t *testing.T) {
	for name, allowed := range map[string]bool{"given up": false, "as read": true} {
		t.Run(name, func(t *testing.T) {
			f, a := tryFile(t, Options{AllowChanged: allowed}, framing.Accept{Ordered: true})
			if !f.settle(a) {
				t.Fatal("not all is settled")
			}
			if err := os.Chmod(f.path, 0o640); err != nil {
				t.Fatal(err)
			}
			if err := f.attempt.finish(f.content, a); err != nil {
				t.Fatal(err)
			}
			want := framing.TypeFault
			if allowed {
				want = framing.TypeFileEnd
			}
			if got := f.last(1).t; got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// An attempt that has ended goes on where single chunks are asked for again, and begins anew
// where content is.
func TestAttemptGoesOn(t *testing.T) {
	f, a := tryFile(t, Options{}, framing.Accept{})
	if !f.settle(a) {
		t.Fatal("not all is settled")
	}
	if err := f.attempt.finish(f.content, a); err != nil {
		t.Fatal(err)
	}
	ends := make([]framing.FileEnd, 0, 2)
	for e, err := range framing.ParseFileEnds(f.last(1).body) {
		if err != nil || e.Root != checksum.Sum(pattern(2*checksum.ChunkSize)) || e.Chunks != 2 {
			t.Errorf("%+v, %v", e, err)
		}
		ends = append(ends, e)
	}
	now, parked := f.content.current(0)
	if now != a || !parked || len(ends) != 1 {
		t.Fatalf("attempt %v, parked: %v, %d FILEENDs", now, parked, len(ends))
	}
	if same, err := f.content.reopen(a); !same || err != nil {
		t.Fatalf("the same file: %v, %v", same, err)
	}
	if !f.content.resume(a, false) || f.settle(a) {
		t.Error("chunks that are asked for again end the attempt twice")
	}
	if !f.content.resume(a, true) || !f.settle(a) {
		t.Error("content that is asked for after a comparison does not end the attempt")
	}
	f.write(3 * checksum.ChunkSize)
	f.content.park()
	if same, err := f.content.reopen(a); same || err != nil {
		t.Errorf("another file is the same: %v, %v", same, err)
	}
}

// growing is a file that grows behind the first look at it.
type growing struct {
	storage.Source
	grow func()
}

func (g *growing) Stat() (tree.Info, error) {
	info, err := g.Source.Stat()
	if g.grow != nil {
		g.grow()
		g.grow = nil
	}
	return info, err
}

// A file that grows between the look at its size and the look behind its end has changed;
// its size is no lie.
func TestGrowthIsAChange(t *testing.T) {
	f, a := tryFile(t, Options{}, framing.Accept{})
	f.settle(a)
	f.content.park() // so that it is looked at by its name
	f.content.source = &growing{f.content.source, func() { f.write(2*checksum.ChunkSize + 1) }}
	if err := f.attempt.finish(f.content, a); err != nil {
		t.Fatal(err)
	}
	if got := f.last(1).t; got != framing.TypeChanged {
		t.Errorf("%v was sent in place of CHANGED", got)
	}
}
