package tree

import (
	"bytes"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Cover says what a part of a file is stored as.
type Cover uint8

// The covers.
const (
	AllData Cover = iota
	AllHole       // reads as zeros, and takes no space
	Mixed
)

// Extents knows where the holes of an open file are. It asks the file system when a part
// is asked for, once for each run of data or hole, and never about a file that takes as
// much space as it has bytes. Safe for concurrent use; it moves the offset of the file,
// which ReadAt does not use.
//
// Only Linux's word on a hole is taken. APFS is known to show holes where data is that was
// written a moment ago or that is compressed. So Cover reads what is said to be a hole.
//
// A file that is written meanwhile may show a hole where data is by now. The caller
// compares what the file is before and after, as for all reading.
type Extents struct {
	file  *os.File
	size  int64
	dense atomic.Bool // it has no holes, or the file system does not say, or lies
	doubt bool        // holes are read, see doubtsHoles

	mu       sync.Mutex // guards what follows
	from, to int64      // the run that was found last
	hole     bool       // that run is a hole
}

// doubtsHoles: what is said of holes here is not always true.
const doubtsHoles = runtime.GOOS != "linux" && runtime.GOOS != "android"

// NewExtents returns the extents of file, which info is about.
func NewExtents(file *os.File, info Info) *Extents {
	x := &Extents{file: file, size: info.Size, doubt: doubtsHoles}
	x.dense.Store(!knowsHoles || info.Kind != File || info.Allocated < 0 || info.Allocated >= info.Size)
	return x
}

// NextData returns where the next data is, at off or behind it, or the size of the file
// if nothing but a hole follows. Where the file system does not say, there is data. It is
// for files that may lose what is taken for a hole: it reads none.
func (x *Extents) NextData(off int64) int64 {
	if x.dense.Load() || off < 0 || off >= x.size {
		return off
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.find(off) || !x.hole {
		return off
	}
	return x.to
}

// find looks for the run that off is in, unless that run was found last. It is called
// with mu held.
func (x *Extents) find(off int64) bool {
	if off >= x.from && off < x.to {
		return true
	}
	from, to, hole, err := findRun(x.file, off, x.size)
	if err != nil || to <= off {
		x.dense.Store(true)
		return false
	}
	x.from, x.to, x.hole = from, to, hole
	return true
}

// Cover returns what n bytes at offset off are stored as. Where the file system does not
// say, they are data: reading them then shows what is wrong. Bytes behind the end do not
// count.
func (x *Extents) Cover(off, n int64) Cover {
	if x.dense.Load() || off < 0 || n <= 0 || off >= x.size {
		return AllData
	}
	end := min(off+n, x.size)
	c := x.told(off, end)
	if c == AllHole && x.doubt && !x.zeros(off, end) {
		x.dense.Store(true) // then it is wrong elsewhere too
		return AllData
	}
	return c
}

// told returns what the file system says of the bytes from off to end.
func (x *Extents) told(off, end int64) Cover {
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

// zeros reports whether all bytes from off to end can be read and are zero.
func (x *Extents) zeros(off, end int64) bool {
	b := make([]byte, min(end-off, 64<<10))
	none := make([]byte, len(b))
	for ; off < end; off += int64(len(b)) {
		b = b[:min(end-off, int64(len(b)))]
		if _, err := x.file.ReadAt(b, off); err != nil || !bytes.Equal(b, none[:len(b)]) {
			return false
		}
	}
	return true
}
