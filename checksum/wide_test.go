package checksum

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"lukechampine.com/blake3/guts"
)

// Both ways to hash a subtree give the same, wherever in a file it is; the
// number of a leaf takes part in both halves of the counter.
func TestWideAndNarrowAgree(t *testing.T) {
	if !haveWide {
		t.Skip("this processor has no wide kernel")
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
		t.Skip("this processor has no wide kernel")
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

// Many contents, lengths and counters, where no fuzzer runs.
func TestCompress16Random(t *testing.T) {
	if !haveWide {
		t.Skip("this processor has no wide kernel")
	}
	random := rand.New(rand.NewPCG(5, 6))
	seed := make([]byte, 61)
	for range 500 {
		for i := range seed {
			seed[i] = byte(random.Uint32() >> (random.Uint32() % 16))
		}
		compareWide(t, seed, random.Uint64(), random.Uint64(), random.Uint32(), uint8(random.Uint32()), uint8(random.Uint32()))
	}
}

// FuzzCompress16 is TestCompress16 for any content, counters and flags.
func FuzzCompress16(f *testing.F) {
	f.Add([]byte("ferry"), uint64(0), uint64(1), uint32(guts.FlagChunkStart), uint8(16), uint8(0))
	f.Add([]byte{0xff}, uint64(1<<32-16), uint64(1), uint32(math.MaxUint32), uint8(2), uint8(64))
	f.Add([]byte{0x80, 0, 0, 0, 1}, uint64(math.MaxUint64), uint64(0), uint32(guts.FlagParent), uint8(1), uint8(7))
	f.Fuzz(func(t *testing.T, seed []byte, counter, step uint64, flag uint32, blocks, gap uint8) {
		if !haveWide {
			t.Skip("this processor has no wide kernel")
		}
		compareWide(t, seed, counter, step, flag, blocks, gap)
	})
}

// compareWide holds compress16 to one compression after another, for content made of seed.
func compareWide(t *testing.T, seed []byte, counter, step uint64, flag uint32, blocks, gap uint8) {
	t.Helper()
	if step %= 2; step == 1 {
		counter &^= wideWidth - 1 // as the declaration asks
	}
	n := int(blocks%17) + 1
	stride := n*guts.BlockSize + int(gap)
	p := make([]byte, wideWidth*stride)
	for i := range p {
		p[i] = byte(i*i>>3) ^ byte(i)
		if len(seed) > 0 {
			p[i] += seed[i%len(seed)] * byte(i/len(seed)+1)
		}
	}
	flags := make([]uint32, n)
	for i := range flags {
		flags[i] = bits.RotateLeft32(flag, i)
	}
	var got [wideWidth]CV
	compress16(&got, &p[0], uint64(stride), uint64(n), counter, step, &flags[0])
	for i := range got {
		node := guts.Node{CV: guts.IV, Counter: counter + uint64(i)*step, BlockLen: guts.BlockSize}
		for b := range n {
			node.Block = guts.BytesToWords([guts.BlockSize]byte(p[i*stride+b*guts.BlockSize:]))
			node.Flags = flags[b]
			node.CV = guts.ChainingValue(node)
		}
		if got[i] != bytesOf(node.CV) {
			t.Fatalf("input %d differs", i)
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
