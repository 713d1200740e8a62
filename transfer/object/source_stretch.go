package object

import (
	"errors"
	"io"
	"sync"
)

// blockSize is how much of a range is in one piece of memory. What was read of a range leaves
// room for others before all of it was.
const blockSize = 1 << 20

// stretch is a range of an open object in memory, as far as it has come. One goroutine fills
// it, others read what is there, and the reading that it is of drops it.
type stretch struct {
	from  int64
	size  int
	room  *room
	users int // reads of it under way; the reading's, under its mu

	mu      sync.Mutex // guards what follows
	more    sync.Cond  // there is one more block, or an error
	blocks  []block
	left    int // bytes that were not read yet
	err     error
	filling bool
	dropped bool
}

// block is a part of a range.
type block struct {
	data []byte // nil: it has not come, or is gone
	left int    // bytes of it that were not read yet
	gone bool   // all of it was read
}

// blocksOf is how many blocks n bytes take.
func blocksOf(n int64) int64 { return (n + blockSize - 1) / blockSize }

func newStretch(from, n int64, r *room) *stretch {
	s := &stretch{from: from, size: int(n), left: int(n), room: r, filling: true, blocks: make([]block, blocksOf(n))}
	for i := range s.blocks {
		s.blocks[i].left = min(blockSize, s.size-i*blockSize)
	}
	s.more.L = &s.mu
	return s
}

func (s *stretch) end() int64 { return s.from + int64(s.size) }

// fill asks for the range and reads it.
func (s *stretch) fill(f *reading) {
	err := s.load(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	s.err, s.filling = err, false
	if s.dropped {
		s.free()
	}
	s.more.Broadcast()
}

func (s *stretch) load(f *reading) error {
	r, err := f.of.in.Get(f.ctx, f.object.Key, s.from, int64(s.size), f.object.ETag)
	if err != nil {
		return err
	}
	defer r.Close() // what matters of it is the error of Read
	for i := range s.blocks {
		n := min(blockSize, s.size-i*blockSize)
		data := s.room.block(n)
		if _, err := io.ReadFull(r, data); err != nil {
			s.room.put(data)
			return err
		}
		s.mu.Lock()
		s.blocks[i].data = data
		s.more.Broadcast()
		s.mu.Unlock()
	}
	return nil
}

// has returns how many of n bytes from an offset in the range on are there, or will come.
func (s *stretch) has(at int64, n int) int {
	from := int(at - s.from)
	end := min(from+n, s.size)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := from / blockSize; i*blockSize < end; i++ {
		if s.blocks[i].gone {
			return max(i*blockSize-from, 0)
		}
	}
	return end - from
}

// lacks returns how many of n bytes from an offset in the range on are gone.
func (s *stretch) lacks(at int64, n int) int {
	from := int(at - s.from)
	end := min(from+n, s.size)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := from / blockSize; i*blockSize < end; i++ {
		if !s.blocks[i].gone {
			return max(i*blockSize-from, 0)
		}
	}
	return end - from
}

// errGone: others have read the block meanwhile.
var errGone = errors.New("the block is gone")

// read reads b from an offset in the range, and waits until it has come. A block of which all
// was read is gone.
func (s *stretch) read(b []byte, at int64) (n int, err error) {
	from := int(at - s.from)
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(b) {
		i, in := (from+n)/blockSize, (from+n)%blockSize
		m := min(len(b)-n, blockSize-in)
		part := &s.blocks[i]
		for part.data == nil && !part.gone && s.filling {
			s.more.Wait()
		}
		switch {
		case part.gone:
			return n, errGone
		case part.data == nil:
			return n, s.err
		}
		n += copy(b[n:n+m], part.data[in:])
		s.took(part, m)
	}
	return n, nil
}

// lend takes the block out that has n bytes from an offset in the range on, and no others: it
// waits until it has come. Without one, it is to be read. Done gives it back.
func (s *stretch) lend(at int64, n int) (data []byte, done func(), err error) {
	from := int(at - s.from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if from%blockSize != 0 {
		return nil, nil, nil
	}
	part := &s.blocks[from/blockSize]
	if part.left != n {
		return nil, nil, nil
	}
	for part.data == nil && !part.gone && s.filling {
		s.more.Wait()
	}
	if part.data == nil || part.left != n {
		return nil, nil, nil // ReadAt tells why
	}
	data, part.data, part.gone, part.left = part.data, nil, true, 0
	s.left -= n
	return data, func() {
		s.room.put(data)
		s.room.give(blockSize)
	}, nil
}

// took notes that m bytes of a block were read. It needs mu.
func (s *stretch) took(b *block, m int) {
	b.left -= m
	s.left -= m
	if b.left <= 0 && !s.dropped {
		s.room.put(b.data)
		b.data, b.gone = nil, true
		s.room.give(blockSize)
	}
}

// isRead tells whether all of it was read.
func (s *stretch) isRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left <= 0 && !s.filling
}

// drop lets go of the memory. What is being filled is given back by whoever fills it.
func (s *stretch) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped {
		return
	}
	s.dropped = true
	if !s.filling {
		s.free()
	}
}

// free gives all blocks back that are not gone. It needs mu.
func (s *stretch) free() {
	for i := range s.blocks {
		if b := &s.blocks[i]; !b.gone {
			s.room.put(b.data)
			b.data, b.gone = nil, true
			s.room.give(blockSize)
		}
	}
}
