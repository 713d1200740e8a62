package dest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Blocks of zeros in a chunk take no space where the sender's content has holes,
// also where an earlier attempt left data, and nowhere else.
func TestZerosInChunksBecomeHoles(t *testing.T) {
	dir := t.TempDir()
	keepsHoles(t, dir)
	want := make([]byte, 2*chunk+5000)
	for _, at := range []int{0, 300_000, chunk - 1, chunk, chunk + 8191, len(want) - 1} {
		want[at] = 1
	}
	f := open(t, dir, Options{})
	for _, c := range []struct {
		name   string
		sparse bool
	}{{"sparse", true}, {"dense", false}} {
		e := fileEntry(c.name, len(want))
		p, err := f.files.begin(e, c.sparse)
		must(t, err)
		if c.sparse {
			for i := range uint64(3) { // another content first
				old := bytes.Repeat([]byte{7}, min(chunk, len(want)-int(i)*chunk))
				must(t, p.WriteChunk(i, old, cvOf(old, i)))
			}
		}
		for i := range uint64(3) {
			b := want[i*chunk : min(int(i+1)*chunk, len(want))]
			must(t, p.WriteChunk(i, b, cvOf(b, i)))
		}
		must(t, seal(p, e, e.Size))
		publish(t, f, &storage.Publication{Partial: p, Entry: e})
		got, err := os.ReadFile(filepath.Join(dir, c.name))
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the content differs", c.name)
		}
	}
	finish(t, f)
	nearlyHollow(t, filepath.Join(dir, "sparse"), 6*holeBlock)
	if got := blocksOf(t, filepath.Join(dir, "dense")); got < int64(len(want)) {
		t.Errorf("zeros that are data at the sender became holes: %d bytes are stored", got)
	}
}

// A file that ends in a hole inside a block has none there, as little as at the
// sender.
func TestTrailingHoleShorterThanABlock(t *testing.T) {
	dir := t.TempDir()
	keepsHoles(t, dir)
	f := open(t, dir, Options{})
	for _, c := range []struct{ size, data int }{{1, 0}, {4095, 0}, {5000, 0}, {5000, 4096}, {chunk + 1, chunk}, {3*chunk + 5001, 0}} {
		for _, hole := range []bool{false, true} {
			name := fmt.Sprint(c.size, "-", c.data, "-", hole)
			b := append(content(c.data, 1), make([]byte, c.size-c.data)...)
			e := fileEntry(name, c.size)
			p, err := f.files.begin(e, true)
			must(t, err)
			for i := range checksum.Chunks(e.Size) {
				part := chunkOf(b, i)
				if hole && len(bytes.Trim(part, "\x00")) == 0 {
					must(t, p.WriteHole(i, len(part), cvOf(part, i)))
				} else {
					must(t, p.WriteChunk(i, part, cvOf(part, i)))
				}
			}
			must(t, seal(p, e, e.Size))
			publish(t, f, &storage.Publication{Partial: p, Entry: e})
			path := filepath.Join(dir, name)
			holds(t, path, b)
			like := path + " like it"
			must(t, os.WriteFile(like, b[:c.data], 0o600))
			must(t, os.Truncate(like, int64(c.size)))
			run(t, "sync", path, like)
			if got, want := blocksOf(t, path), blocksOf(t, like); got > want {
				t.Errorf("%s takes %d bytes, want %d", name, got, want)
			}
		}
	}
	finish(t, f)
}

func TestHolesStayHoles(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	const chunks = 64
	e := fileEntry("sparse", chunks*chunk)
	p, err := f.Begin(e)
	must(t, err)
	b := content(chunk, 1)
	for i := range uint64(chunks) {
		if i == 17 {
			must(t, p.WriteChunk(i, b, cvOf(b, i)))
		} else {
			must(t, p.WriteHole(i, chunk, [32]byte{1}))
		}
	}
	must(t, seal(p, e, e.Size))
	publish(t, f, &storage.Publication{Partial: p, Entry: e})
	info, err := os.Stat(filepath.Join(dir, "sparse"))
	must(t, err)
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != chunks*chunk || used > 2*chunk {
		t.Errorf("%d bytes take %d on disk", info.Size(), used)
	}
}

func blocksOf(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return st.Blocks * 512
}

// nearlyHollow fails unless path takes about as much space as data bytes.
func nearlyHollow(t testing.TB, path string, data int64) {
	t.Helper()
	if got := blocksOf(t, path); got > data+16<<10 {
		t.Errorf("%s takes %d KiB, its data %d", path, got>>10, data>>10)
	}
}

// keepsHoles skips the test where a hole takes space.
func keepsHoles(t testing.TB, dir string) {
	t.Helper()
	path := filepath.Join(dir, "probe")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, 4*chunk))
	if blocksOf(t, path) > 0 {
		t.Skip("the file system keeps no holes")
	}
	must(t, os.Remove(path))
}

func TestHolesTakeNoSpace(t *testing.T) {
	dir := t.TempDir()
	keepsHoles(t, dir)
	zeros := make([]byte, chunk)
	hole := func(p *partial, i uint64) { must(t, p.WriteHole(i, chunk, cvOf(zeros, i))) }
	f := open(t, dir, Options{})

	stream := fileEntry("stream", -1)
	stream.Kind = tree.Stream
	p, err := f.Begin(stream)
	must(t, err)
	for i := range uint64(8) {
		hole(p, i)
	}
	must(t, seal(p, stream, 8*chunk))
	publish(t, f, &storage.Publication{Partial: p, Entry: stream})

	small := fileEntry("small", chunk)
	p, err = f.Begin(small)
	must(t, err)
	hole(p, 0)
	must(t, seal(p, small, chunk))
	publish(t, f, &storage.Publication{Partial: p, Entry: small})

	// Data of an earlier run becomes a hole, and a hole of the old file stays one.
	old := content(6*chunk, 1)
	basis := fileEntry("basis", len(old))
	publish(t, f, sealed(t, f, basis, old))
	must(t, os.Truncate(filepath.Join(dir, "basis"), chunk))
	must(t, os.Truncate(filepath.Join(dir, "basis"), 6*chunk))
	from, err := f.Open(basis)
	must(t, err)
	defer from.Close()
	update := fileEntry("update", len(old))
	p, err = f.Begin(update)
	must(t, err)
	fill(t, p, old, all)
	for i := range uint64(5) {
		must(t, p.CopyChunk(from, i, chunk))
	}
	hole(p, 5)
	must(t, seal(p, update, update.Size))
	publish(t, f, &storage.Publication{Partial: p, Entry: update})
	finish(t, f)

	nearlyHollow(t, filepath.Join(dir, "stream"), 0)
	nearlyHollow(t, filepath.Join(dir, "small"), 0)
	nearlyHollow(t, filepath.Join(dir, "update"), chunk)
	holds(t, filepath.Join(dir, "update"), append(slices.Clone(old[:chunk]), make([]byte, 5*chunk)...))
	holds(t, filepath.Join(dir, "small"), zeros)
}
