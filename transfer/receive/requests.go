package receive

import (
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer/internal/failure"
)

// requests are the WANT records by which the sender is asked for content.
type requests struct {
	control framing.Stream // stream 0
	begun   atomic.Bool    // the first one is on its way: content may come
	batch   []byte         // records that were not sent yet; the planner's
}

// add queues a record. It leaves with others, or when the planner has nothing to do. It
// is the planner's, or that of the goroutine in its place.
func (q *requests) add(w *framing.Want) error {
	q.batch = w.Append(q.batch)
	if len(q.batch) < wantBatch {
		return nil
	}
	return q.flush()
}

// flush sends what add queued. The same goroutine calls it.
func (q *requests) flush() error {
	if len(q.batch) == 0 {
		return nil
	}
	err := q.send(q.batch)
	q.batch = q.batch[:0]
	return err
}

// now sends a record at once. Any goroutine but a reader may call it.
func (q *requests) now(w *framing.Want) error { return q.send(w.Append(nil)) }

func (q *requests) send(records []byte) error {
	q.begun.Store(true)
	return failure.Link("asking for content", q.control.Send(true, framing.TypeWant, records))
}
