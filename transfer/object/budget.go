package object

import (
	"context"
	"sync"
)

// budget bounds the bytes of content that are in memory: of small files until they are
// published, of parts until the store has them. Part buffers are used again.
type budget struct {
	total int64
	part  int64 // the usual size of a buffer

	mu      sync.Mutex // a leaf
	used    int64
	moving  int64         // of used: it will be given back by what is under way
	changed chan struct{} // closed when there is more room, or less is moving
	idle    [][]byte      // buffers of part bytes; they are not used
}

func newBudget(total, part int64) *budget {
	return &budget{total: total, part: part, changed: make(chan struct{})}
}

// take waits for n bytes. ok is false if nothing under way would give room: then somebody has
// to make it. What is larger than all is let in alone.
func (b *budget) take(ctx context.Context, n int64) (ok bool, err error) {
	for {
		b.mu.Lock()
		if b.used == 0 || b.used+n <= b.total {
			b.used += n
			b.mu.Unlock()
			return true, nil
		}
		if b.moving == 0 {
			b.mu.Unlock()
			return false, nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// buffer is memory for n bytes that were taken.
func (b *budget) buffer(n int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var buf []byte
	if last := len(b.idle) - 1; last >= 0 && n == b.part {
		buf, b.idle = b.idle[last], b.idle[:last]
	}
	for len(b.idle) > 0 && b.used+int64(len(b.idle))*b.part > b.total {
		b.idle = b.idle[:len(b.idle)-1]
	}
	if buf == nil {
		buf = make([]byte, n)
	}
	return buf
}

// move says that n bytes which were taken will be given back in any case.
func (b *budget) move(n int64) { b.change(0, n) }

// give gives n bytes back, with their buffer; moved says that move was called for them.
func (b *budget) give(buf []byte, n int64, moved bool) {
	moving := int64(0)
	if moved {
		moving = -n
	}
	b.mu.Lock()
	if int64(cap(buf)) == b.part && b.used-n+int64(len(b.idle)+1)*b.part <= b.total {
		b.idle = append(b.idle, buf[:cap(buf)])
	}
	b.mu.Unlock()
	b.change(-n, moving)
}

func (b *budget) change(used, moving int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += used
	b.moving += moving
	close(b.changed)
	b.changed = make(chan struct{})
}

// held is how many bytes are in use.
func (b *budget) held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// force takes n bytes although there is no room for them.
func (b *budget) force(n int64) { b.change(n, 0) }
