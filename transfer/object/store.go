package object

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"ferry/transfer/object/bucket"
)

// Bounds of what is under way at a time.
const (
	maxPuts  = 32 // objects written, of a batch that is published
	maxHeads = 32 // objects asked for ahead
)

// lastWords bounds what is told to the store at the end of a delivery that was stopped.
const lastWords = 15 * time.Second

// store is the bucket as one delivery uses it, with the goroutines that outlive calls.
type store struct {
	b      *bucket.Bucket
	name   string // of the bucket
	prefix int    // bytes before each key

	ctx    context.Context // of the delivery: it ends all requests but the last words
	cancel context.CancelCauseFunc
	work   sync.WaitGroup
	heads  chan struct{}
	root   context.Context // of the last words
	listed atomic.Int64    // names that are kept of what stands in folders
}

func newStore(ctx context.Context, b *bucket.Bucket) (*store, error) {
	name, prefix, err := bucket.Parse(b.Place())
	if err != nil {
		return nil, err
	}
	s := &store{b: b, name: name, heads: make(chan struct{}, maxHeads), root: context.WithoutCancel(ctx)}
	if prefix != "" {
		s.prefix = len(prefix) + 1
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	return s, nil
}

// end ends what is under way, and waits for it.
func (s *store) end() {
	s.cancel(context.Canceled)
	s.work.Wait()
}

// partGrace is how long a part may go on that was under way when the delivery was stopped: who
// stops one waits 2 s at most, and the state is still to be written.
const partGrace = time.Second

// graceful is a context for a part: it ends so long after that of the delivery. Done ends it.
func (s *store) graceful() (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(s.root)
	stop := context.AfterFunc(s.ctx, func() {
		grace := time.NewTimer(partGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel(context.Cause(s.ctx))
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// last is a context for what is told to the store although the delivery was stopped.
func (s *store) last() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.root, lastWords)
}
