package object

import "ferry/checksum"

// Bounds of an upload in parts, of every store of this kind.
const (
	partSize  = 8 << 20 // bytes, where so many parts will do
	maxParts  = 10_000
	maxObject = 5 << 40 // bytes; some stores take more
)

// layout says which bytes are in which part of an upload. Parts are numbered from 1 on.
type layout struct {
	size     int64 // of the content, in bytes; -1 while it is not known
	part     int64 // bytes of a part, whole chunks; of a stream, of the first ones
	streamed bool  // the size was not known when it was begun
}

// layoutOf is that of a content of size bytes, in parts of part bytes or as many more as it
// takes. ok is false if there are too many.
func layoutOf(size, part int64) (l layout, ok bool) {
	if size > maxObject {
		return l, false
	}
	if size >= 0 {
		least := (size + maxParts - 1) / maxParts
		part = max(part, (least+checksum.ChunkSize-1)/checksum.ChunkSize*checksum.ChunkSize)
	}
	return layout{size: size, part: part, streamed: size < 0}, true
}

// Of content of unknown size the parts grow, each time after so many of them: 2000 of 8 MiB,
// 2000 of 32 MiB and 6000 of 128 MiB are some 830 GiB.
const (
	stepParts = 2000
	growth    = 4
)

// grown is where a part of content of unknown size begins, and how long it is if it is whole.
func (l layout) grown(number int) (at, n int64) {
	before := int64(number - 1)
	n = l.part
	for range 2 {
		if before < stepParts {
			break
		}
		at += stepParts * n
		before -= stepParts
		n *= growth
	}
	return at + before*n, n
}

// span is where a part begins, and how long it is.
func (l layout) span(number int) (at, n int64) {
	if l.streamed {
		at, n = l.grown(number)
	} else {
		at, n = int64(number-1)*l.part, l.part
	}
	if l.size >= 0 {
		n = max(min(n, l.size-at), 0)
	}
	return at, n
}

// number is the part that a chunk is in. Past the last part there can be it is more than
// maxParts.
func (l layout) number(index uint64) int {
	chunks := uint64(l.part / checksum.ChunkSize)
	if !l.streamed {
		return int(min(index/chunks, maxParts)) + 1
	}
	first := 1
	for range 2 {
		if index < stepParts*chunks {
			break
		}
		index -= stepParts * chunks
		chunks *= growth
		first += stepParts
	}
	return first + int(min(index/chunks, maxParts))
}

// parts is how many parts a content of known size has.
func (l layout) parts() int {
	if l.size == 0 {
		return 0
	}
	return l.number(checksum.Chunks(l.size) - 1)
}
