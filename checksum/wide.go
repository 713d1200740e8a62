package checksum

import "lukechampine.com/blake3/guts"

const (
	// wideWidth is how many inputs the wide kernel hashes at once: 32-bit lanes
	// of AVX-512. On arm64 it is four times four.
	wideWidth = 16
	// wideMost is what wideNode takes at once, in bytes, a power of two. It
	// bounds the stack frame: 32 bytes a leaf.
	wideMost  = 128 << 10
	wideLeast = wideWidth * leafSize
	// wideSum is the size in bytes from which a tree with the wide kernel in it is
	// faster than the other hash of whole content: measured, by a tenth at this size
	// and by half at a chunk.
	wideSum = 64 << 10
)

const blocksALeaf = leafSize / guts.BlockSize

// The flags of each block of a leaf and of a parent. They are never written.
var (
	leafFlags   = [blocksALeaf]uint32{0: guts.FlagChunkStart, blocksALeaf - 1: guts.FlagChunkEnd}
	parentFlags = [1]uint32{guts.FlagParent}
)

// wideFits tells whether wideNode takes n bytes: a power of two from wideLeast to
// wideMost.
func wideFits(n int) bool { return wideLeast <= n && n <= wideMost && n&(n-1) == 0 }

// wideNode hashes p, whose length wideFits, and which starts at leaf number leaf,
// a multiple of wideWidth. haveWide must be true. Every level of the tree up to the
// last two nodes goes through the kernel, even where it fills only some lanes: the
// results of the other lanes, which hash older values, are not used.
func wideNode(p []byte, leaf uint64) guts.Node {
	var cvs [wideMost / leafSize]CV
	n := len(p) / leafSize
	for i := 0; i < n; i += wideWidth {
		compress16((*[wideWidth]CV)(cvs[i:]), &p[i*leafSize], leafSize, blocksALeaf, leaf+uint64(i), 1, &leafFlags[0])
	}
	for ; n > 2; n /= 2 {
		// A call reads 2*wideWidth values before it stores wideWidth.
		for i := 0; i < n/2; i += wideWidth {
			compress16((*[wideWidth]CV)(cvs[i:]), &cvs[2*i][0], guts.BlockSize, 1, 0, 0, &parentFlags[0])
		}
	}
	return parent(cvs[0], cvs[1])
}
