package dest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
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
		p, err := f.Begin(e)
		must(t, err)
		if c.sparse {
			p.KeepHoles()
			for i := range uint64(3) { // another content first
				old := bytes.Repeat([]byte{7}, min(chunk, len(want)-int(i)*chunk))
				must(t, p.WriteChunk(i, old, cvOf(old, i)))
			}
		}
		for i := range uint64(3) {
			b := want[i*chunk : min(int(i+1)*chunk, len(want))]
			must(t, p.WriteChunk(i, b, cvOf(b, i)))
		}
		must(t, p.Seal(e, e.Size))
		publish(t, f, &Publication{P: p, E: e})
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
