package flow

import (
	"sync"

	"ferry/checksum"
)

// Zeros is what a hole reads as. Nobody writes to it: its pages are the
// kernel's one page of zeros, which stays in the cache of the processor.
var Zeros [checksum.ChunkSize]byte

// Pool recycles chunk buffers by size class. It does not bound them: at
// the receiver credit does, at the sender a gauge.
type Pool struct {
	classes [7]sync.Pool // smallestBuffer << i, of *[]byte
}

// smallestBuffer is the least that is recycled: for smaller frames an exact one
// keeps the memory in proportion to the credit.
const smallestBuffer = 16 << 10

// Get returns a buffer of length n, at most one chunk, not cleared.
func (p *Pool) Get(n int) *[]byte {
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

// Put takes a buffer back, which nobody uses any more.
func (p *Pool) Put(b *[]byte) {
	if cap(*b) < smallestBuffer {
		return
	}
	class, size := 0, smallestBuffer
	for size < cap(*b) {
		class, size = class+1, size*2
	}
	p.classes[class].Put(b)
}
