package checksum

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

// ChunkSize is the unit of verification, in bytes. Any power of two from 1 KiB
// up would make complete BLAKE3 subtrees.
const ChunkSize = 1 << 20

const (
	leafSize     = guts.ChunkSize          // what BLAKE3 calls a chunk
	leavesAChunk = ChunkSize / leafSize    // leaves are counted through the whole file
	simdSize     = guts.MaxSIMD * leafSize // what one call of the kernel takes
)

// CV is a chaining value: the non-root output of a node of the tree, its eight
// words in little-endian order.
type CV [32]byte

// Chunks is the number of chunks of a file of size bytes: none when it is empty.
func Chunks(size int64) uint64 {
	n := uint64(max(size, 0))
	return n/ChunkSize + min(n%ChunkSize, 1)
}

// ChunkLen is the length in bytes of chunk index of a file of size bytes, and 0
// for an index past its end.
func ChunkLen(size int64, index uint64) int {
	n := Chunks(size)
	switch {
	case index >= n:
		return 0
	case index == n-1:
		return int(uint64(size) - index*ChunkSize)
	}
	return ChunkSize
}

// Node is the top of a chunk's subtree before its last compression, from which
// either the CV or, should the chunk turn out to be the whole file, the digest
// follows.
type Node struct{ n guts.Node }

// NewNode hashes chunk number index of a file. p is the whole chunk: ChunkSize
// bytes, or fewer for the last one, or none for an empty file. A longer p is a
// mistake of the caller and panics.
//
// Bytes between len(p) and cap(p) may be read but do not change the result.
func NewNode(p []byte, index uint64) Node {
	if len(p) > ChunkSize {
		panic(fmt.Sprintf("checksum: chunk of %d bytes", len(p)))
	}
	return Node{subtree(p, index*leavesAChunk, haveWide)}
}

// CV is the chaining value, for a file of more than one chunk.
func (n Node) CV() CV { return bytesOf(guts.ChainingValue(n.n)) }

// Root is the digest of a file that is this one chunk, chunk 0.
func (n Node) Root() Digest { return rootOf(n.n) }

// Check is the value that vouches for chunk number index on the wire: the chunk's CV,
// or the file's digest if single, which says that the file is known to have one chunk
// or less.
func Check(p []byte, index uint64, single bool) [32]byte {
	if single {
		return Sum(p)
	}
	return NewNode(p, index).CV()
}

// subtree hashes p, which starts at leaf number leaf. The left half of a BLAKE3
// tree is the largest power of two of leaves that leaves something for the right
// (section 2.1 of the BLAKE3 paper). wide says whether wideNode may be used.
func subtree(p []byte, leaf uint64, wide bool) guts.Node {
	switch {
	case wide && wideFits(len(p)):
		return wideNode(p, leaf)
	case len(p) > simdSize:
		n := 1 << (bits.Len(uint(len(p)-1)) - 1)
		left := guts.ChainingValue(subtree(p[:n], leaf, wide))
		right := guts.ChainingValue(subtree(p[n:], leaf+uint64(n/leafSize), wide))
		return guts.ParentNode(left, right, &guts.IV, 0)
	case cap(p) < simdSize:
		return padded(p, leaf)
	}
	return guts.CompressBuffer((*[simdSize]byte)(p[:simdSize]), len(p), &guts.IV, leaf, 0)
}

// padded is a function of its own so that only the end of a short buffer pays for a
// stack frame of 16 KiB, and not each level of subtree.
//
//go:noinline
func padded(p []byte, leaf uint64) guts.Node {
	var b [simdSize]byte
	return guts.CompressBuffer(&b, copy(b[:], p), &guts.IV, leaf, 0)
}

// join is the node above cvs, at least two neighbours that cover the same number
// of leaves each, but for the last.
func join(cvs []CV) guts.Node {
	n := 1 << (bits.Len(uint(len(cvs)-1)) - 1)
	cv := func(s []CV) CV {
		if len(s) == 1 {
			return s[0]
		}
		return bytesOf(guts.ChainingValue(join(s)))
	}
	return parent(cv(cvs[:n]), cv(cvs[n:]))
}

func chain(left, right CV) CV { return bytesOf(guts.ChainingValue(parent(left, right))) }

func parent(left, right CV) guts.Node {
	return guts.ParentNode(wordsOf(left), wordsOf(right), &guts.IV, 0)
}

func rootOf(n guts.Node) (d Digest) {
	n.Flags |= guts.FlagRoot
	out := guts.CompressNode(n)
	return Digest(bytesOf([8]uint32(out[:8])))
}

func bytesOf(words [8]uint32) (cv CV) {
	for i, w := range words {
		binary.LittleEndian.PutUint32(cv[4*i:], w)
	}
	return cv
}

func wordsOf(cv CV) (words [8]uint32) {
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(cv[4*i:])
	}
	return words
}
