package receive

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// closing ends a delivery: it has all made durable, sends RECEIPT and waits for the
// goodbye. One goroutine runs it; any may ask whether the receipt was sent.
type closing struct {
	control framing.Stream // stream 0
	ending  transfer.Ending
	live    transfer.Liveness
	ledger  *ledger
	settle  *settler
	site    *site
	track   *progress.Tracker
	heard   <-chan struct{} // closed when stream 0 is read no more
	late    *sync.WaitGroup // of goroutines that end with the link

	deletion *deletion

	receipt      atomic.Bool // RECEIPT was sent, or is about to be
	removing     atomic.Bool // and the sender removes its sources, before it says goodbye
	acknowledged atomic.Bool // and the sender said goodbye, or closed
}

// errLeftover is told of partials that an interrupted delivery left.
var errLeftover = errors.New("left by an unfinished delivery; running that again goes on from it, and it is removed after 30 days")

// sent tells whether RECEIPT was sent, or is about to be: what comes then changes nothing.
func (c *closing) sent() bool { return c.receipt.Load() }

// durable has a delivery made durable of which every entry is settled, and sends RECEIPT.
func (c *closing) durable(ctx context.Context) error {
	c.track.Enter(transfer.PhaseSyncing)
	c.track.Be(framing.StateDisk)
	if err := c.settle.verdicts.flush(); err != nil {
		return err
	}
	report, err := c.site.dest.Finish()
	c.tellLeftovers(report)
	if err != nil {
		return failure.DestinationEnds("syncing", "", err)
	}
	if len(report.Lost) > 0 { // by the destination itself, of which nothing else told
		c.settle.verdicts.warn(warning(report.Root, report.Lost))
		c.track.Lost(".", report.Lost)
	}
	if err := c.settle.verdicts.flush(); err != nil {
		return err
	}
	for _, what := range report.Remarks {
		c.track.Tell(transfer.Notice{Path: what.Path, Err: failure.Plain(what.Err), Stays: true})
	}
	if err := c.deletion.run(ctx, &report); err != nil {
		return err
	}
	if report.Store != "" {
		c.track.Stored(report.Store)
	}
	if why := failure.Unsynced(c.site.place, report.Unsynced); why != nil {
		c.track.Remark(framing.Remark{Kind: framing.RemarkUnsynced, Text: []byte(why.Error())})
	}
	if err := c.settle.verdicts.flush(); err != nil {
		return err
	}
	return c.sign(ctx, report)
}

// tellLeftovers tells what earlier deliveries left at the destination.
func (c *closing) tellLeftovers(report storage.Report) {
	if report.LeftoversErr != nil {
		// Nothing of this delivery depends on it.
		c.track.Tell(transfer.Notice{Path: tree.PartialName, Err: report.LeftoversErr})
	}
	for _, l := range report.Leftovers {
		why := errLeftover
		if l.Aside {
			why = failure.ErrAside
		}
		c.track.Tell(transfer.Notice{Path: l.Path, Err: why})
	}
}

// sign sends RECEIPT, and waits for the goodbye.
func (c *closing) sign(ctx context.Context, report storage.Report) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	res := c.track.Final()
	digest := c.settle.digest()
	c.track.Finished(digest, report.Durable, failure.Unsynced(c.site.place, report.Unsynced))
	receipt := framing.Receipt{
		Delivered: uint64(res.Delivered), Same: uint64(res.Same), Skipped: uint64(res.Skipped),
		Failed: uint64(res.Failed - c.ledger.unsent() - c.deletion.failed()), Bytes: uint64(res.Bytes), Digest: digest, Durable: report.Durable,
	}
	c.receipt.Store(true)
	// From here on the delivery is true whatever becomes of the link: the sender
	// that does not get this says that it does not know, and asks again. One that
	// takes nothing holds up nobody: this ends with the link.
	c.late.Go(func() {
		_ = c.control.Send(true, framing.TypeReceipt, receipt.Append(nil))
		c.ending.EndWriting() // so that the sender's last wait is for nothing
	})
	c.awaitGoodbye(ctx)
	return nil
}

// awaitGoodbye gives the sender time to answer the receipt, and to come back for
// it if the link is lost, which takes a while to be noticed.
func (c *closing) awaitGoodbye(ctx context.Context) {
	limit := farewell
	if c.live.RetryFor() > 0 {
		limit = farewellLost
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-c.heard:
			return
		case <-ctx.Done():
			c.ending.Abort(context.Cause(ctx))
			return
		case <-timer.C:
			if !c.removing.Load() {
				c.ending.Abort(errors.New("no goodbye from the sender"))
				return
			}
			timer.Reset(limit) // it lives, as long as its link does
		}
	}
}
