package dest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
)

func TestCopyChunk(t *testing.T) {
	dir := t.TempDir()
	old := content(3*chunk+100, 1)
	must(t, os.WriteFile(filepath.Join(dir, "x"), old, 0o600))
	f := open(t, dir, Options{})
	e := fileEntry("x", 4*chunk)
	file, err := f.Open(e)
	must(t, err)
	if info := file.Info(); info.Size != int64(len(old)) {
		t.Errorf("size of the basis is %d", info.Size)
	}
	p, err := f.Begin(e)
	must(t, err)
	buf := make([]byte, chunk)
	for _, i := range []uint64{2, 0, 1} {
		must(t, p.CopyChunk(file, i, chunk))
		n, err := p.ReadChunk(i, buf)
		must(t, err)
		if string(buf[:n]) != string(chunkOf(old, i)) {
			t.Errorf("chunk %d differs", i)
		}
		p.Mark(i, cvOf(buf[:n], i))
	}
	if err := p.CopyChunk(file, 3, chunk); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("copying past the end of the basis: %v", err)
	}
	last := content(chunk, 2)
	must(t, p.WriteChunk(3, last, cvOf(last, 3)))
	want := append(slices.Clone(old[:3*chunk]), last...)
	must(t, copyBytes(p.body.file, file, 0, chunk)) // the way of other systems
	must(t, p.Seal(e, int64(len(want)), checksum.Sum(want)))
	must(t, file.Close())
	pub := &storage.Publication{Partial: p, Entry: e, Replace: true}
	publish(t, f, pub)
	same(t, filepath.Join(dir, "x"), want, e)
}

func TestHolesReplaceOldBytes(t *testing.T) {
	dir := t.TempDir()
	b := content(4*chunk, 1)
	e := fileEntry("x", len(b))
	interrupt(t, dir, e, b, all)
	f := open(t, dir, Options{})
	p, err := f.Begin(e)
	must(t, err)
	zeros := make([]byte, chunk)
	must(t, p.WriteHole(1, chunk, cvOf(zeros, 1)))
	must(t, p.WriteHole(3, chunk, cvOf(zeros, 3)))
	copy(b[chunk:], zeros)
	copy(b[3*chunk:], zeros)
	must(t, p.Seal(e, int64(len(b)), checksum.Sum(b)))
	publish(t, f, &storage.Publication{Partial: p, Entry: e})
	same(t, filepath.Join(dir, "x"), b, e)
}

func TestWritesOutsideTheFile(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	for _, size := range []int{0, 5, chunk, 2*chunk + 5, -1} {
		p, err := f.Begin(fileEntry("x", size))
		must(t, err)
		chunks := uint64((size + chunk - 1) / chunk)
		bad := []struct {
			index uint64
			n     int
		}{{1 << 43, 1}, {1<<64 - 1, 1}, {1 << 44, 1}, {0, chunk + 1}}
		if size >= 0 {
			bad = append(bad, []struct {
				index uint64
				n     int
			}{{chunks, 1}, {chunks + 1, chunk}, {max(chunks, 1) - 1, size%chunk + 1}, {0, 3}}...)
		}
		for _, c := range bad {
			if err := p.WriteChunk(c.index, make([]byte, c.n), [32]byte{1}); err == nil {
				t.Errorf("size %d: WriteChunk(%d) of %d bytes was taken", size, c.index, c.n)
			}
			if err := p.WriteHole(c.index, c.n, [32]byte{1}); err == nil {
				t.Errorf("size %d: WriteHole(%d) of %d bytes was taken", size, c.index, c.n)
			}
		}
		must(t, p.Discard(false))
	}
	p, err := f.Begin(fileEntry("x", 5))
	must(t, err)
	if err := put(p, []byte("four")); err == nil {
		t.Error("Write of another size was taken")
	}
	if err := put(p, []byte("fives")); err == nil {
		t.Error("a later success cleared the first error")
	}
	if err := seal(p, fileEntry("x", 5), 5); err == nil {
		t.Error("a broken partial was sealed")
	}
	must(t, p.Discard(true))
}
