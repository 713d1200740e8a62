package send

import (
	"context"

	"ferry/transfer/internal/flow"
)

// belt takes each job from feed to a worker and, in the order of feed, to a writer. A
// writer waits until the worker has filled the job. Without writers the order does not
// count.
type belt struct {
	work  chan job
	order chan job
}

func newBelt() *belt { return &belt{work: make(chan job, readAhead), order: make(chan job, readAhead)} }

// put hands a job on. Feed alone calls it.
func (b *belt) put(ctx context.Context, j job) error {
	select {
	case b.order <- j:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return b.fill(ctx, j)
}

// fill hands a job on to a worker alone.
func (b *belt) fill(ctx context.Context, j job) error {
	select {
	case b.work <- j:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// close has workers and writers end when they are done with what is there.
func (b *belt) close() {
	close(b.order)
	close(b.work)
}

// buffers are what chunks are read into. Their bytes are bounded: a chunk waits for its
// buffer, which is free again when the other side has the chunk. Those of packs come on
// top; as many as there are jobs on the belt.
type buffers struct {
	room  *flow.Gauge // bytes
	pool  *flow.Pool
	share *share // nil: all chunks are read for this delivery alone
}

// newBuffers takes them from the pool of a Reading, if there is one.
func newBuffers(ctx context.Context, share flow.Share, from *Reading) *buffers {
	b := &buffers{room: flow.NewGauge(ctx, share.MayKeep(chunkBytes, chunkPart, chunkLeast)), pool: new(flow.Pool), share: newShare(from)}
	if from != nil {
		b.pool = &from.pool
	}
	return b
}

// take waits for a buffer of n bytes.
func (b *buffers) take(n int) (*[]byte, error) {
	if err := b.room.Take(int64(n)); err != nil {
		return nil, err
	}
	return b.pool.Get(n), nil
}

// put gives a buffer back that was taken.
func (b *buffers) put(buf *[]byte) {
	n := int64(len(*buf))
	b.pool.Put(buf)
	b.room.Give(n)
}

// shrunk counts to bytes in the place of from, which were taken.
func (b *buffers) shrunk(from, to int) { b.room.Give(int64(from - to)) }

// widen adds room for what one more stream has under way.
func (b *buffers) widen() { b.room.Give(flow.StreamCredit) }
