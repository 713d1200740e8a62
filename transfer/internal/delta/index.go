package delta

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"ferry/framing"
)

// Index has the pieces of an old file, as the receiver lists them. Add is called by one
// goroutine, and not after the last piece. The other methods are for any goroutine once all
// pieces are there; Ready tells so.
type Index struct {
	level  uint8
	pieces []listed // in the order of the file
	order  []uint32 // their numbers, by sum; set by sort
	end    int64    // of the pieces so far, in the file
	ready  atomic.Bool
	sort   sync.Once
}

// listed is a piece, and where it is in the old file.
type listed struct {
	sum    uint64
	at     int64
	length uint32
}

// NewIndex begins the index of a file that is cut at that level.
func NewIndex(level uint8) *Index { return &Index{level: level} }

// Level is how the file is cut.
func (x *Index) Level() uint8 { return x.level }

// Len is how many pieces were added.
func (x *Index) Len() int { return len(x.pieces) }

// Add adds the pieces that follow; last says that no more do. It reports false if they cannot
// be of one file that was cut at the level: then nothing was added.
func (x *Index) Add(pieces []framing.Piece, last bool) bool {
	end := x.end
	least, most := bounds(x.level)
	for i, p := range pieces {
		short := p.Length < uint64(least) && !(last && i == len(pieces)-1)
		if short || p.Length > uint64(most) || end+int64(p.Length) < end {
			return false
		}
		end += int64(p.Length)
	}
	for _, p := range pieces {
		x.pieces = append(x.pieces, listed{p.Sum, x.end, uint32(p.Length)})
		x.end += int64(p.Length)
	}
	x.ready.Store(last)
	return true
}

// Ready tells whether all pieces are there.
func (x *Index) Ready() bool { return x.ready.Load() }

// find returns the number of a piece with that sum and length; none if it is not there.
func (x *Index) find(sum uint64, length int) int {
	x.sort.Do(func() {
		x.order = make([]uint32, len(x.pieces))
		for i := range x.order {
			x.order[i] = uint32(i)
		}
		slices.SortFunc(x.order, func(a, b uint32) int { return cmp.Or(cmp.Compare(x.pieces[a].sum, x.pieces[b].sum), cmp.Compare(a, b)) })
	})
	i, ok := slices.BinarySearchFunc(x.order, sum, func(n uint32, sum uint64) int { return cmp.Compare(x.pieces[n].sum, sum) })
	if ok && int(x.pieces[x.order[i]].length) == length {
		return int(x.order[i])
	}
	return none
}

// is tells whether piece n of the old file is what b begins with; none is not.
func (x *Index) is(n int, b []byte) bool {
	if n < 0 || n >= len(x.pieces) {
		return false
	}
	p := &x.pieces[n]
	return int(p.length) <= len(b) && sum(b[:p.length]) == p.sum
}

// none is no piece: no other number follows it, or comes before it.
const none = -2
