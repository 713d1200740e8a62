package delta

import (
	"io"
	"sync"

	"ferry/framing"
)

// readAhead is how much of an old file is read at a time, in bytes.
const readAhead = 512 << 10

// List cuts a file of size bytes and has tell take its pieces, a frame's worth at a time, and
// at most most in all. It returns how many there were. An error of tell ends it; one of the
// file too, and what was read until then is listed. Reading is called before each read, and
// what it returns after it.
//
// One goroutine of its own reads and another one cuts, while the caller's hashes. List waits for
// both.
func List(f io.ReaderAt, size int64, level uint8, most int, reading func() func(), tell func(pieces []framing.Piece, last bool) error) (n int, err error) {
	_, longest := bounds(level)
	c := &cutting{f: f, size: size, level: level, most: most, reading: reading, read: make(chan slab), full: make(chan slab), free: make(chan []byte, slabs), stop: make(chan struct{})}
	for range slabs {
		c.free <- make([]byte, longest+readAhead)
	}
	var both sync.WaitGroup
	both.Go(c.readAll)
	both.Go(c.cutAll)
	defer func() {
		close(c.stop)
		both.Wait()
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

// slabs is how many buffers go round between the goroutines of a list: each has one in hand.
const slabs = 3

// slab is content that follows that of the slab before. The first bytes of its buffer, as many
// as the longest piece has, are for what was left of that one.
type slab struct {
	buf     []byte // all of it
	data    []byte
	last    bool  // nothing follows
	lengths []int // of the pieces, once it is cut
}

// cutting is the half of List that reads and cuts.
type cutting struct {
	f       io.ReaderAt
	size    int64
	level   uint8
	most    int
	reading func() func()
	read    chan slab
	full    chan slab
	free    chan []byte   // has room for all buffers
	stop    chan struct{} // closed when nobody takes slabs any more
}

// readAll ends behind the file. One that is shorter by now, or cannot be read further, ends
// there.
func (c *cutting) readAll() {
	_, longest := bounds(c.level)
	for at, last := int64(0), false; !last; {
		var buf []byte
		select {
		case buf = <-c.free:
		case <-c.stop:
			return
		}
		data := buf[longest:][:min(readAhead, c.size-at)]
		done := c.reading()
		n, err := c.f.ReadAt(data, at)
		done()
		at += int64(n)
		last = err != nil || at == c.size
		select {
		case c.read <- slab{buf: buf, data: data[:n], last: last}:
		case <-c.stop:
			return
		}
	}
}

// cutAll ends behind the file, or behind the last piece that is allowed.
func (c *cutting) cutAll() {
	defer close(c.full)
	cuts := newCutter()
	_, longest := bounds(c.level)
	var left []byte // behind the last cut, in the slab before: it may go on
	for last := false; !last && c.most > 0; {
		var s slab
		select {
		case s = <-c.read:
		case <-c.stop:
			return
		}
		s.data = s.buf[longest-len(left) : longest+len(s.data)]
		copy(s.data, left)
		rest := s.data
		for len(rest) > 0 && c.most > 0 && (len(rest) >= longest || s.last) {
			length := cuts.cut(rest, c.level)
			s.lengths, rest = append(s.lengths, length), rest[length:]
			c.most--
		}
		if last = s.last; !last && c.most > 0 {
			left = append(left[:0], rest...)
		}
		select {
		case c.full <- s:
		case <-c.stop:
			return
		}
	}
}
