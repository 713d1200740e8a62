package dest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
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
