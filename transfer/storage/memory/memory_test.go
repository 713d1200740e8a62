package memory_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"syscall"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/storage/memory"
	"ferry/transfer/tree"
)

// delivery is a Folder at work, that meets err at the nth operation of a kind.
func delivery(t testing.TB, d *memory.Disk, op memory.Op, nth int, err error) (*memory.Folder, *storage.Landing) {
	t.Helper()
	f := d.Open(t, "memory", memory.Options{Before: func(o memory.Op, _ string) (bool, error) {
		if o != op {
			return false, nil
		}
		if nth--; nth == 0 {
			return false, err
		}
		return false, nil
	}})
	l, serr := f.Start(tree.Metadata{})
	if serr != nil {
		t.Fatal(serr)
	}
	return f, l
}

func large() (*tree.Entry, []byte) {
	data := make([]byte, 3*checksum.ChunkSize)
	return &tree.Entry{ID: 1, Kind: tree.File, Name: "f", Size: int64(len(data)), Mode: 0o644}, data
}

func write(p storage.Partial, data []byte, index uint64) error {
	b := data[index*checksum.ChunkSize:][:checksum.ChunkSize]
	return p.WriteChunk(index, b, checksum.NewNode(b, index).CV())
}

// The first error of a write or a sync is never cleared. What there was no room for is
// kept, what failed otherwise is not.
func TestErrorsStick(t *testing.T) {
	for kind, kept := range map[storage.Kind]bool{storage.NoSpace: true, storage.IO: false} {
		d := memory.NewDisk()
		_, l := delivery(t, d, memory.Write, 2, &storage.Error{Kind: kind, Op: "writing", Err: syscall.EIO})
		e, data := large()
		p, err := l.Files.Begin(e, false)
		if err != nil || write(p, data, 0) != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := write(p, data, 1); storage.KindOf(err) != kind {
				t.Errorf("the error is %v, want %v", err, kind)
			}
		}
		if err := p.Seal(e, e.Size, checksum.Sum(data)); storage.KindOf(err) != kind {
			t.Errorf("sealed: %v", err)
		}
		if err := p.Discard(true); err != nil {
			t.Error(err)
		}
		if got := len(d.Parts()) == 1; got != kept {
			t.Errorf("%v: a part is kept: %v", kind, got)
		}
	}
}

// What failed to sync is gone before the error is told, and the delivery ends.
func TestFailedSyncLeavesNothing(t *testing.T) {
	d := memory.NewDisk()
	_, l := delivery(t, d, memory.Sync, 1, &storage.Error{Kind: storage.IO, Op: "syncing", Err: syscall.EIO})
	e, data := large()
	p, err := l.Files.Begin(e, false)
	for i := range uint64(3) {
		err = errors.Join(err, write(p, data, i))
	}
	if err = errors.Join(err, p.Seal(e, e.Size, checksum.Sum(data))); err != nil {
		t.Fatal(err)
	}
	pub := &storage.Publication{Partial: p, Entry: e}
	if err := l.Files.Publish([]*storage.Publication{pub}); storage.KindOf(err) != storage.IO || storage.KindOf(pub.Err) != storage.IO {
		t.Errorf("%v, %v", err, pub.Err)
	}
	if len(d.Parts())+len(d.List(false)) > 0 {
		t.Error("something is left")
	}
}

func TestFullDisk(t *testing.T) {
	d := memory.NewDisk()
	d.Capacity = 2 * checksum.ChunkSize
	_, l := delivery(t, d, memory.Write, 0, nil)
	e, data := large()
	p, err := l.Files.Begin(e, false)
	if err = errors.Join(err, write(p, data, 0), write(p, data, 1)); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Finder.Free(); n != 0 || err != nil {
		t.Errorf("%d bytes are free, %v", n, err)
	}
	if err := write(p, data, 2); storage.KindOf(err) != storage.NoSpace {
		t.Error(err)
	}
}

// A killed delivery changes nothing any more, and another one has what it left.
func TestKilled(t *testing.T) {
	d := memory.NewDisk()
	f, l := delivery(t, d, memory.Write, 0, nil)
	e, data := large()
	p, err := l.Files.Begin(e, false)
	if err = errors.Join(err, write(p, data, 0)); err != nil {
		t.Fatal(err)
	}
	f.Kill()
	before := d.Parts()[0].Claims
	p.Mark(1, checksum.CV{1})
	if err := write(p, data, 1); !errors.Is(err, memory.ErrKilled) || p.Discard(false) != nil {
		t.Error(err)
	}
	if _, err := l.Finder.Stat(e); !errors.Is(err, memory.ErrKilled) {
		t.Error(err)
	}
	if got := d.Parts()[0].Claims; !maps.Equal(got, before) {
		t.Errorf("it claims %v", got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	_, l = delivery(t, d, memory.Write, 0, nil)
	if _, err := l.Files.Begin(e, false); err != nil {
		t.Error(err)
	}
}

// A power cut leaves what is durable, and nothing half under a name that is.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(50) {
		d := memory.NewDisk()
		f, l := delivery(t, d, memory.Write, 0, nil)
		for i, name := range []string{"a", "b"} {
			e := &tree.Entry{ID: uint64(i + 1), Kind: tree.File, Name: name, Size: 3, Mode: 0o644}
			p, err := l.Files.Begin(e, false)
			if err == nil {
				err = errors.Join(p.WriteChunk(0, []byte("abc"), checksum.CV{}), p.Seal(e, 3, checksum.Sum([]byte("abc"))))
			}
			pub := &storage.Publication{Partial: p, Entry: e}
			if err = errors.Join(err, l.Files.Publish([]*storage.Publication{pub}), pub.Err); err != nil {
				t.Fatal(err)
			}
		}
		finished := seed%2 == 0
		if finished {
			if _, err := f.Finish(); err != nil {
				t.Fatal(err)
			}
		}
		f.Kill()
		d.PowerCut(rand.New(rand.NewPCG(seed, 1)))
		left := d.List(false)
		if finished && len(left) != 2 {
			t.Fatalf("after Finish %d names are left", len(left))
		}
		for name, i := range left {
			if string(i.Data) != "abc" {
				t.Fatalf("%s has %q", name, i.Data)
			}
		}
	}
}

// Misuse is told once the order of calls is broken.
func TestMisuse(t *testing.T) {
	failed := 0
	f, l := delivery(expecting{t, &failed}, memory.NewDisk(), memory.Write, 0, nil)
	if _, err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Finder.Stat(&tree.Entry{Kind: tree.File, Name: "f"}); err == nil {
		t.Error("a call after Finish is taken")
	}
	if err := f.Close(); err != nil || failed != 1 {
		t.Errorf("%v; the test failed %d times", err, failed)
	}
}

// expecting is a test that is failed in the eyes of this one only.
type expecting struct {
	testing.TB
	failed *int
}

func (e expecting) Error(...any) { *e.failed++ }
