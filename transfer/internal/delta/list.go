package delta

import (
	"io"

	"ferry/framing"
)

// readAhead is how much of an old file is read at a time, in bytes.
const readAhead = 1 << 20

// List cuts a file of size bytes and has tell take its pieces, a frame's worth at a time, and
// at most most in all. It returns how many there were. An error of tell ends it; one of the
// file too, and what was read until then is listed. Reading is called before each read, and
// what it returns after it.
//
// A goroutine of its own reads and cuts, while the caller's hashes. List waits for it.
func List(f io.ReaderAt, size int64, level uint8, most int, reading func() func(), tell func(pieces []framing.Piece, last bool) error) (n int, err error) {
	_, longest := bounds(level)
	c := &cutting{f: f, size: size, level: level, most: most, reading: reading, full: make(chan slab), free: make(chan []byte, slabs), stop: make(chan struct{})}
	for range slabs {
		c.free <- make([]byte, longest+readAhead)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.full)
		c.run()
	}()
	defer func() {
		close(c.stop)
		<-done
	}()
	batch := make([]framing.Piece, 0, framing.PiecesRoom)
	for s := range c.full {
		for rest := s.data; len(s.lengths) > 0; s.lengths = s.lengths[1:] {
			length := s.lengths[0]
			batch = append(batch, framing.Piece{Length: uint64(length), Sum: sum(rest[:length])})
			rest = rest[length:]
			if n++; len(batch) == cap(batch) {
				if err := tell(batch, false); err != nil {
					return n, err
				}
				batch = batch[:0]
			}
		}
		c.free <- s.buf
	}
	return n, tell(batch, true)
}

// slabs is how many buffers go round between the two goroutines of a list.
const slabs = 2

// slab is pieces that follow each other, cut and not hashed.
type slab struct {
	buf     []byte // all of it
	data    []byte
	lengths []int
}

// cutting is the half of List that reads and cuts.
type cutting struct {
	f       io.ReaderAt
	size    int64
	level   uint8
	most    int
	reading func() func()
	full    chan slab
	free    chan []byte   // has room for all buffers
	stop    chan struct{} // closed when nobody takes slabs any more
}

// run ends behind the file, or behind the last piece that is allowed.
func (c *cutting) run() {
	cuts := newCutter()
	_, longest := bounds(c.level)
	var left []byte // behind the last cut, in the buffer before: it may go on
	for read := int64(0); c.most > 0; {
		var buf []byte
		select {
		case buf = <-c.free:
		case <-c.stop:
			return
		}
		n := copy(buf, left)
		to := int(min(int64(len(buf)-n), c.size-read))
		done := c.reading()
		got, err := c.f.ReadAt(buf[n:n+to], read)
		done()
		if n, read = n+got, read+int64(got); err != nil {
			c.size = read // it is shorter by now, or cannot be read further
		}
		s := slab{buf: buf, data: buf[:n]}
		rest := s.data
		for len(rest) > 0 && c.most > 0 && (len(rest) >= longest || read == c.size) {
			length := cuts.cut(rest, c.level)
			s.lengths, rest = append(s.lengths, length), rest[length:]
			c.most--
		}
		left = append(left[:0], rest...)
		select {
		case c.full <- s:
		case <-c.stop:
			return
		}
		if read == c.size && len(left) == 0 {
			return
		}
	}
}
