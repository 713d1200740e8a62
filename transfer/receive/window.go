package receive

import (
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
)

// window is the sender's credit: how many bytes of DATA and PACK frames it may have
// under way. All of them have a buffer here. Any goroutine uses it, but for source,
// which is the planner's.
type window struct {
	control framing.Stream // stream 0
	bytes   account        // out: came, or may be on its way here no more than that
	freed   atomic.Int64   // the part of out that was dealt with and is not granted again yet
	sources atomic.Int32   // entries of unknown length that were asked for and are not settled
	widest  int32          // the most of them at a time
}

// open grants the first credit of a share, over a path of that round trip.
func (w *window) open(share flow.Share, trip time.Duration) error { return w.grant(share.Credit(trip)) }

// widen grants credit for one chunk more that may be under way: on a further stream, or
// of a further source.
func (w *window) widen() error { return w.grant(flow.StreamCredit) }

// grant lets the sender use n bytes more. They are on the account before it can know.
func (w *window) grant(n int64) error {
	w.bytes.allow(n)
	c := framing.Credit{Bytes: uint32(n)}
	return failure.Link("granting credit", w.control.Send(true, framing.TypeCredit, c.Append(nil)))
}

// used takes the cost of a frame that came off the credit.
func (w *window) used(cost int64) error {
	if w.bytes.take(cost) {
		return nil
	}
	left, out := w.bytes.sums()
	return failure.Violation("more than the %d bytes of credit granted", left+out)
}

// dealt grants credit again for bytes that were dealt with, a step at a time. It may
// wait for the link.
func (w *window) dealt(cost int64) error {
	if cost == 0 || w.freed.Add(cost) < creditStep {
		return nil
	}
	n := w.freed.Swap(0)
	if n == 0 {
		return nil // another goroutine grants it
	}
	w.bytes.give(n)
	return w.grant(n)
}

// source grants credit for one more entry of unknown length at a time. Each has a chunk
// that grows by pieces and keeps their credit until it is whole: without credit of
// their own they would wait for each other.
func (w *window) source() error {
	n := w.sources.Add(1)
	if n <= w.widest {
		return nil
	}
	w.widest = n
	return w.widen()
}

// sourceDone says that an entry of unknown length is settled.
func (w *window) sourceDone() { w.sources.Add(-1) }
