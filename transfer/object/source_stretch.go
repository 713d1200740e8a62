package object

import (
	"io"
	"sync"
)

// stretch is a range of an open object in memory, as far as it has come. One goroutine fills
// it, others read what is there, and the reading that it is of drops it.
type stretch struct {
	from  int64
	size  int
	room  *room
	used  int64 // bytes that were read; the reading's, under its mu
	users int   // reads of it under way; likewise

	mu      sync.Mutex // guards what follows
	more    sync.Cond  // there is more, or an error
	data    []byte
	got     int // bytes of data that have come
	err     error
	filling bool
	dropped bool
}

func newStretch(from, n int64, r *room) *stretch {
	s := &stretch{from: from, size: int(n), room: r, filling: true}
	s.more.L = &s.mu
	return s
}

func (s *stretch) end() int64 { return s.from + int64(s.size) }

// fill asks for the range and reads it.
func (s *stretch) fill(f *reading) {
	err := s.load(f)
	s.mu.Lock()
	s.err, s.filling = err, false
	owed := 0
	if s.dropped {
		owed, s.data = s.size, nil
	}
	s.more.Broadcast()
	s.mu.Unlock()
	s.room.give(int64(owed))
}

func (s *stretch) load(f *reading) error {
	r, err := f.of.in.Get(f.ctx, f.object.Key, s.from, int64(s.size), f.object.ETag)
	if err != nil {
		return err
	}
	defer r.Close() // what matters of it is the error of Read
	data := make([]byte, s.size)
	for at := 0; at < len(data); {
		n, err := r.Read(data[at:])
		at += n
		s.mu.Lock()
		s.data, s.got = data, at
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil && at < len(data) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// read reads b from an offset in the range, and waits until it has come.
func (s *stretch) read(b []byte, at int64) (int, error) {
	from := int(at - s.from)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.got < from+len(b) && s.filling {
		s.more.Wait()
	}
	if s.got < from+len(b) || s.data == nil {
		if s.err == nil {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, s.err
	}
	return copy(b, s.data[from:]), nil
}

// drop lets go of the memory, and returns how much of it is free now. What is being filled is
// given back by whoever fills it.
func (s *stretch) drop() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped {
		return 0
	}
	s.dropped = true
	if s.filling {
		return 0
	}
	s.data = nil
	return int64(s.size)
}
