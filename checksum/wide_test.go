package checksum

import (
	"math"
	"testing"

	"lukechampine.com/blake3/guts"
)

// Both ways to hash a subtree give the same, wherever in a file it is; the
// number of a leaf takes part in both halves of the counter.
func TestWideAndNarrowAgree(t *testing.T) {
	if !haveWide {
		t.Skip("this processor has no AVX-512: the wide kernel did not run")
	}
	p := randomBytes(8, ChunkSize)
	for _, leaf := range []uint64{0, 16, 1024, 1<<32 - 1024, 1 << 32, 0x12_3456_789A_BC00, math.MaxUint64 - 1023} {
		for n := wideLeast; n <= ChunkSize; n *= 2 {
			for _, cut := range []int{0, 1, 1023, 1024, 5 << 10, n / 2} {
				q := p[:n-cut]
				if got, want := subtree(q, leaf, true), subtree(q, leaf, false); got != want {
					t.Errorf("%d bytes at leaf %d: wide and narrow differ", len(q), leaf)
				}
			}
		}
	}
}

// The kernel is held to one compression after another, input by input.
func TestCompress16(t *testing.T) {
	if !haveWide {
		t.Skip("this processor has no AVX-512: the wide kernel did not run")
	}
	const stride = 3 * guts.BlockSize
	p := randomBytes(9, wideWidth*stride)
	flags := [3]uint32{guts.FlagChunkStart, 0x40, guts.FlagChunkEnd}
	for _, c := range []struct{ blocks, counter, step uint64 }{
		{1, 0, 0}, {2, 7, 0}, {3, math.MaxUint64, 0}, {3, 1<<32 - 16, 1}, {3, 5 << 32, 1}, {2, 1 << 63, 1},
	} {
		var got [wideWidth]CV
		compress16(&got, &p[0], stride, c.blocks, c.counter, c.step, &flags[0])
		for i := range got {
			n := guts.Node{CV: guts.IV, Counter: c.counter + uint64(i)*c.step, BlockLen: guts.BlockSize}
			for b := range c.blocks {
				n.Block = guts.BytesToWords([guts.BlockSize]byte(p[i*stride+int(b)*guts.BlockSize:]))
				n.Flags = flags[b]
				n.CV = guts.ChainingValue(n)
			}
			if got[i] != bytesOf(n.CV) {
				t.Errorf("%+v: input %d differs", c, i)
			}
		}
	}
}

func TestSumOfEverySize(t *testing.T) {
	p := randomBytes(10, 2*ChunkSize)
	for n := wideSum - 3; n <= len(p); n += 1 + n/5 {
		if got, want := Sum(p[:n]), oracle(p[:n]); got != want {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
	}
}
