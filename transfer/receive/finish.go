package receive

import (
	"context"
	"errors"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// errLeftover is told of partials that an interrupted delivery left.
var errLeftover = errors.New("left by an unfinished delivery; running that again goes on from it, and it is removed after 30 days")

// finish makes everything durable and says so with RECEIPT.
func (r *receiver) finish(ctx context.Context) error {
	select {
	case <-r.complete:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.track.Enter(transfer.PhaseSyncing)
	r.track.Be(framing.StateDisk)
	if err := r.sendVerdicts(); err != nil {
		return err
	}
	report, err := r.dst.Finish()
	r.tellLeftovers(&report)
	r.lose(report.Root, report.Lost)
	if err != nil {
		return failure.DestinationEnds("syncing", "", err)
	}
	if err := r.sendVerdicts(); err != nil { // what the destination itself lost
		return err
	}
	for _, what := range report.Remarks {
		r.track.Tell(transfer.Notice{Path: what.Path, Err: failure.Plain(what.Err), Stays: true})
	}
	return r.sendReceipt(ctx, &report)
}

// tellLeftovers names what earlier deliveries left.
func (r *receiver) tellLeftovers(report *storage.Report) {
	if report.LeftoversErr != nil {
		// Nothing of this delivery depends on it.
		r.track.Tell(transfer.Notice{Path: tree.PartialName, Err: report.LeftoversErr})
	}
	for _, l := range report.Leftovers {
		why := errLeftover
		if l.Aside {
			why = failure.ErrAside
		}
		r.track.Tell(transfer.Notice{Path: l.Path, Err: why})
	}
}

func (r *receiver) sendReceipt(ctx context.Context, report *storage.Report) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	res := r.track.Final()
	r.mu.Lock()
	digest := r.sums.Sum()
	unsent := int64(r.end.Failed)
	r.mu.Unlock()
	r.track.Finished(digest, report.Durable, failure.Unsynced(r.place(), report.Unsynced))
	receipt := framing.Receipt{
		Delivered: uint64(res.Delivered), Same: uint64(res.Same), Skipped: uint64(res.Skipped),
		Failed: uint64(res.Failed - unsent), Bytes: uint64(res.Bytes), Digest: digest, Durable: report.Durable,
	}
	r.receipt.Store(true)
	// From here on the delivery is true whatever becomes of the link: the sender
	// that does not get this says that it does not know, and asks again. One that
	// takes nothing holds up nobody: this ends with the link.
	r.readers.Go(func() {
		_ = r.link.Stream(0).Send(true, framing.TypeReceipt, receipt.Append(nil))
		r.link.EndWriting() // so that the sender's last wait is for nothing
	})
	r.awaitGoodbye(ctx)
	return nil
}

// awaitGoodbye gives the sender time to answer the receipt, and to come back for
// it if the link is lost, which takes a while to be noticed.
func (r *receiver) awaitGoodbye(ctx context.Context) {
	limit := farewell
	if r.link.RetryFor() > 0 {
		limit = farewellLost
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.heard:
	case <-ctx.Done():
		r.link.Abort(context.Cause(ctx))
	case <-timer.C:
		r.link.Abort(errors.New("no goodbye from the sender"))
	}
}
