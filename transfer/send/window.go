package send

import (
	"context"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer/internal/flow"
)

// window bounds how far announcements run ahead of verdicts: by entries, and by the bytes
// of their records. The announcer takes room, the book gives it back with each verdict.
type window struct {
	entries *flow.Gauge
	bytes   *flow.Gauge
	most    atomic.Int64 // all bytes that there are
	first   int64        // entries before ACCEPT
	share   flow.Share
}

// newWindow is the window before ACCEPT, given the capabilities that both sides have.
func newWindow(ctx context.Context, share flow.Share, caps uint64) *window {
	entries, bytes := share.Entries()
	first := int64(min(framing.EntriesBeforeAccept(caps), entries))
	w := &window{entries: flow.NewGauge(ctx, first), bytes: flow.NewGauge(ctx, bytes), first: first, share: share}
	w.most.Store(bytes)
	return w
}

// widen changes from the window before ACCEPT to the receiver's. No more than this side's
// own limits is used of it: a larger window would cost memory here.
func (w *window) widen(a *framing.Accept) {
	entries, own := w.share.Entries()
	w.entries.Give(int64(min(a.EntryWindow, uint64(entries))) - w.first)
	bytes := int64(min(a.EntryBytes, uint64(own)))
	w.bytes.Give(bytes - w.most.Swap(bytes))
}

// cost is what a record of n bytes takes. One entry may always be in flight, so no record
// costs more than all that there is.
func (w *window) cost(n int) int64 { return min(int64(n), w.most.Load()) }

// try takes room for one entry if that needs no waiting.
func (w *window) try(cost int64) bool {
	if !w.entries.Try(1) {
		return false
	}
	if !w.bytes.Try(cost) {
		w.entries.Give(1)
		return false
	}
	return true
}

// take waits for room for one entry.
func (w *window) take(cost int64) error {
	if err := w.entries.Take(1); err != nil {
		return err
	}
	return w.bytes.Take(cost)
}

func (w *window) give(cost int64) {
	w.entries.Give(1)
	w.bytes.Give(cost)
}
