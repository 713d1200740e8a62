package transfer

import (
	"sync"

	"ferry/checksum"
)

// zeroChunk is what a hole reads as. Nobody writes to it: its pages are the
// kernel's one page of zeros, which stays in the cache of the processor.
var zeroChunk [checksum.ChunkSize]byte

// chunkPool recycles chunk buffers by size class. It does not bound them: at
// the receiver credit does, at the sender a gauge.
type chunkPool struct {
	classes [7]sync.Pool // smallestBuffer << i, of *[]byte
}

// smallestBuffer is the least that is recycled: for smaller frames an exact one
// keeps the memory in proportion to the credit.
const smallestBuffer = 16 << 10

// get returns a buffer of length n, at most one chunk, not cleared.
func (p *chunkPool) get(n int) *[]byte {
	if n < smallestBuffer {
		b := make([]byte, n)
		return &b
	}
	class, size := 0, smallestBuffer
	for size < n {
		class, size = class+1, size*2
	}
	if b, ok := p.classes[class].Get().(*[]byte); ok {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, size)
	return &b
}

func (p *chunkPool) put(b *[]byte) {
	if cap(*b) < smallestBuffer {
		return
	}
	class, size := 0, smallestBuffer
	for size < cap(*b) {
		class, size = class+1, size*2
	}
	p.classes[class].Put(b)
}
