package delta

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"ferry/checksum"
	"ferry/framing"
)

// MaxPieces is how many pieces a receiver lists of all files in flight.
const MaxPieces = 1 << 18

// ceilLog2 is the smallest k with 2^k at least n.
func ceilLog2(n int64) int { return bits.Len64(uint64(max(n, 1) - 1)) }

// Level is how a file of size bytes is cut: into pieces of about 2^level bytes. They are as
// many as they are long, about, so that the list costs what an insertion costs.
func Level(size int64) uint8 {
	return uint8(min(max((ceilLog2(size)+1)/2, framing.MinLevel), framing.MaxLevel))
}

// bounds are the lengths of the shortest piece and the longest one at a level. Only the last
// piece of a file may be shorter.
func bounds(level uint8) (least, most int) { return 1 << (level - 2), 1 << (level + 1) }

const (
	// window is how many bytes decide whether a piece ends behind them.
	window = 64
	// lean is by how many bits that is harder to come by in a piece that is short, and easier
	// in one that is long: so lengths differ less, and an insertion spoils less.
	lean = 2
)

// cutter cuts content into pieces. It does not change once it is made.
type cutter struct{ gear [256]uint64 }

// newCutter makes one.
func newCutter() *cutter {
	c := new(cutter)
	seed := []byte("ferry pieces 1 ")
	for i := range c.gear {
		sum := checksum.Sum(append(seed, byte(i)))
		c.gear[i] = binary.LittleEndian.Uint64(sum[:])
	}
	return c
}

// cut returns the length of the first piece of b. If b has less than the longest piece of
// the level, it ends where the file ends.
func (c *cutter) cut(b []byte, level uint8) int {
	least, most := bounds(level)
	b = b[:min(len(b), most)]
	if len(b) <= least {
		return len(b)
	}
	usual := min(1<<level, len(b))
	if n := c.find(b, least, usual, 64-level-lean); n > 0 {
		return n
	}
	if n := c.find(b, usual+1, len(b), 64-level+lean); n > 0 {
		return n
	}
	return len(b)
}

// laneBytes is how long each of the lanes is in which find goes on at the same time: a
// processor has room for several of these sums, each of which waits for itself.
const laneBytes = 1 << 10

// find returns the first length from from to to for which the sum of the last bytes is below
// 1<<shift; 0 if there is none. From is window at least.
func (c *cutter) find(b []byte, from, to int, shift uint8) int {
	for ; to-from+1 >= 4*laneBytes; from += 4 * laneBytes {
		if n := c.lanes(b[from-window:from+4*laneBytes-1], shift); n >= 0 {
			return from + n
		}
	}
	if from > to {
		return 0
	}
	h := c.warm(b[from-window : from-1])
	for i, x := range b[from-1 : to] {
		if h = h<<1 + c.gear[x]; h>>shift == 0 {
			return from + i
		}
	}
	return 0
}

// warm is the sum of the bytes that stand before a place.
func (c *cutter) warm(b []byte) (h uint64) {
	for _, x := range b {
		h = h<<1 + c.gear[x]
	}
	return h
}

// lanes looks at four stretches of laneBytes bytes behind the first window-1 of b, and returns
// the number of the first byte behind which a piece may end; -1 if there is none.
func (c *cutter) lanes(b []byte, shift uint8) int {
	const warm = window - 1
	var h [4]uint64
	for i := range h {
		h[i] = c.warm(b[i*laneBytes : i*laneBytes+warm])
	}
	b = b[warm:]
	b0, b1, b2, b3 := b[:laneBytes], b[laneBytes:2*laneBytes], b[2*laneBytes:3*laneBytes], b[3*laneBytes:4*laneBytes]
	h0, h1, h2, h3 := h[0], h[1], h[2], h[3]
	limit := uint64(1) << shift
	ends := [4]int{-1, -1, -1, -1}
	for i, x := range b0 {
		h0 = h0<<1 + c.gear[x]
		h1 = h1<<1 + c.gear[b1[i]]
		h2 = h2<<1 + c.gear[b2[i]]
		h3 = h3<<1 + c.gear[b3[i]]
		// Behind nearly all bytes nothing ends: one way out for all four is the quickest.
		if h0 >= limit && h1 >= limit && h2 >= limit && h3 >= limit {
			continue
		}
		switch {
		case h0 < limit:
			return i
		case h1 < limit && ends[1] < 0:
			ends[1] = laneBytes + i
		case h2 < limit && ends[2] < 0:
			ends[2] = 2*laneBytes + i
		case h3 < limit && ends[3] < 0:
			ends[3] = 3*laneBytes + i
		}
	}
	for _, n := range ends {
		if n >= 0 {
			return n
		}
	}
	return -1
}

// sum is the short hash of a piece: the first framing.SumSize bytes of its XXH64, seed 0. It
// only narrows what is looked at: the chunk's CV decides.
func sum(piece []byte) uint64 { return xxhash.Sum64(piece) >> (64 - 8*framing.SumSize) }
