package serve

import (
	"context"
	"sync"
)

// shares is the memory that deliveries may take together. Whoever finds none waits, in the
// order of coming.
type shares struct {
	each int64 // 0: no limit

	mu      sync.Mutex // guards what follows
	left    int64
	waiting []chan struct{}
}

// share is what one delivery has of it; nil is nothing.
type share struct{ of *shares }

func newShares(memory, each int64) *shares {
	if memory <= 0 {
		return &shares{}
	}
	return &shares{each: each, left: max(memory, each)}
}

// take waits for a share. If it has to, full is called first.
func (s *shares) take(ctx context.Context, full func()) (*share, error) {
	if s.each == 0 {
		return nil, nil
	}
	s.mu.Lock()
	if len(s.waiting) == 0 && s.left >= s.each {
		s.left -= s.each
		s.mu.Unlock()
		return &share{s}, nil
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()
	full()
	select {
	case <-turn:
		return &share{s}, nil
	case <-ctx.Done():
	}
	if !s.forget(turn) {
		(&share{s}).give() // it came at the same time
	}
	return nil, context.Cause(ctx)
}

// forget is false if turn has come.
func (s *shares) forget(turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.waiting {
		if t == turn {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// wanted tells whether somebody waits.
func (s *shares) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting) > 0
}

// memory is what a delivery with the share may take; 0 is what the process may.
func (h *share) memory() int64 {
	if h == nil {
		return 0
	}
	return h.of.each
}

// give returns a share.
func (h *share) give() {
	if h == nil {
		return
	}
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 {
		close(s.waiting[0])
		s.waiting = s.waiting[1:]
		return
	}
	s.left += s.each
}

// figures are how much is given out, and how many wait.
func (s *shares) figures(memory int64) (out int64, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.each == 0 {
		return 0, 0
	}
	return max(memory, s.each) - s.left, len(s.waiting)
}
