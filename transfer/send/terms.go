package send

import (
	"context"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// terms are what both sides agree on: what this side offers, and what ACCEPT grants of
// it. Goroutine deliver sets the offer, control the answer, each once.
type terms struct {
	wish    tree.Metadata // beyond mode & 0777 and mtime; offered
	offered atomic.Uint32 // the flags of OFFER

	came   chan struct{}  // closed when ACCEPT came
	accept framing.Accept // read only after that
	at     time.Time      // when it came; likewise
}

func newTerms(o *Options) *terms {
	t := &terms{wish: o.Metadata, came: make(chan struct{})}
	t.wish.HardLinks = t.wish.HardLinks && !o.Follow
	return t
}

// check returns an error unless ACCEPT answers the offer.
func (t *terms) check(a *framing.Accept) error {
	if t.settled() {
		return failure.Violation("a second ACCEPT")
	}
	if a.EntryWindow < framing.FirstEntries || a.EntryBytes < 1 || a.Streams < 1 {
		return failure.Violation("ACCEPT with a window of %d entries and %d streams", a.EntryWindow, a.Streams)
	}
	offered := t.offered.Load()
	if extra := a.Flags &^ offered; extra != 0 {
		return failure.Violation("ACCEPT grants flags %#x, which were not offered", extra)
	}
	if offered&^a.Flags&framing.FlagDryRun != 0 {
		return failure.Violation("ACCEPT takes the dry run for a delivery")
	}
	return nil
}

// settle puts ACCEPT in force.
func (t *terms) settle(a framing.Accept) {
	t.accept, t.at = a, time.Now()
	close(t.came)
}

// settled tells whether ACCEPT came.
func (t *terms) settled() bool {
	select {
	case <-t.came:
		return true
	default:
		return false
	}
}

// since is when ACCEPT came, or began if it did not yet.
func (t *terms) since(began time.Time) time.Time {
	if t.settled() {
		return t.at
	}
	return began
}

// wait waits for ACCEPT.
func (t *terms) wait(ctx context.Context) error {
	select {
	case <-t.came:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// granted is what of the metadata the receiver takes. Before ACCEPT, what was offered
// may be sent.
func (t *terms) granted() tree.Metadata {
	if t.settled() {
		return wire.Metadata(t.accept.Flags)
	}
	return t.wish
}

// ordered tells whether all content goes in the order of the entries, so that none can
// be sent again. Callers know that ACCEPT came.
func (t *terms) ordered() bool { return t.accept.Ordered }
