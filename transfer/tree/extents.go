package tree

import (
	"os"
	"sync"
)

// Cover says what a part of a file is stored as.
type Cover uint8

// The covers.
const (
	AllData Cover = iota
	AllHole       // reads as zeros, and takes no space
	Mixed
)

// Extents knows where the holes of an open file are. It asks the file system as
// parts are asked for, once a run of data or hole, and never for a file that
// takes as much space as it has bytes. Safe for concurrent use; it moves the
// offset of the file, which ReadAt does not use.
//
// A file that is written meanwhile may show a hole where data is by now: the
// caller compares what the file is before and after, as for all reading.
type Extents struct {
	file  *os.File
	size  int64
	dense bool

	mu       sync.Mutex
	from, to int64 // the run that was found last
	hole     bool
}

// NewExtents returns the extents of file, which info is of.
func NewExtents(file *os.File, info Info) *Extents {
	dense := !knowsHoles || info.Kind != File || info.Allocated < 0 || info.Allocated >= info.Size
	return &Extents{file: file, size: info.Size, dense: dense}
}

// NextData returns where data is next, at off or behind it; the size of the file if
// nothing but a hole follows. What cannot be found out is data.
func (x *Extents) NextData(off int64) int64 {
	if x.dense || off < 0 || off >= x.size {
		return off
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.find(off) || !x.hole {
		return off
	}
	return x.to
}

// find looks for the run that off is in, unless it is the one that was found last.
// Callers hold mu.
func (x *Extents) find(off int64) bool {
	if off >= x.from && off < x.to {
		return true
	}
	from, to, hole, err := findRun(x.file, off, x.size)
	if err != nil || to <= off {
		x.dense = true
		return false
	}
	x.from, x.to, x.hole = from, to, hole
	return true
}

// Cover returns what n bytes at offset off are stored as. What cannot be found
// out is data: reading then says what is wrong. Bytes behind the end do not count.
func (x *Extents) Cover(off, n int64) Cover {
	if x.dense || off < 0 || n <= 0 || off >= x.size {
		return AllData
	}
	end := min(off+n, x.size)
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.find(off) {
		return AllData
	}
	switch {
	case end > x.to:
		return Mixed
	case x.hole:
		return AllHole
	}
	return AllData
}
