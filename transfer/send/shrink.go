package send

import (
	"context"
	"time"
)

// shrunk is content as a zstd frame, which this delivery made for itself or has in common
// with others. Neither: it is to be sent as it is.
type shrunk struct {
	data   []byte
	own    *[]byte  // of data
	shared *portion // of data
	epoch  uint32   // of the decision about it
}

func (f *shrunk) none() bool { return f.own == nil && f.shared == nil }

// shrunk returns plain as a zstd frame, if the policy wants one. What is shared, of, is
// shrunk by the delivery that comes to it first; nil is not shared.
func (r *reader) shrunk(s *share, of *portion, plain []byte) (f shrunk) {
	try, epoch := r.press.Next()
	if f.epoch = epoch; !try {
		return f
	}
	if of == nil {
		if f.own, f.epoch = r.press.Shrink(r.bufs.pool, plain); f.own != nil {
			f.data = *f.own
		}
		return f
	}
	c, mine := s.frame(of)
	if mine {
		began := time.Now()
		made, epoch := r.press.Shrink(r.bufs.pool, plain)
		if f.epoch = epoch; made == nil {
			s.failed(c)
			return f
		}
		c.took = time.Since(began)
		s.filled(c, made)
		f.shared, f.data = c, *made
		return f
	}
	if c == nil {
		return f
	}
	// It is being made, which waits for nothing.
	if found, _ := s.wait(context.Background(), c); !found {
		return f
	}
	use, epoch := r.press.Given(len(plain), len(*c.buf), c.took)
	if f.epoch = epoch; !use {
		s.drop(c)
		return f
	}
	f.shared, f.data = c, *c.buf
	return f
}
