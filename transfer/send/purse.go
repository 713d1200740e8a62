package send

import (
	"context"
	"errors"
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
)

// errSettled ends the wait for credit after the receipt: the receiver needs nothing any
// more.
var errSettled = errors.New("everything is settled")

// purse has the credit that the receiver granted. No frame of content passes without
// credit, nor faster than the smaller of both sides' limits of the rate. All writers share
// the purse. A writer that waits in the middle of a chunk holds turn; see allotment.
type purse struct {
	credit *flow.Gauge   // bytes
	turn   chan struct{} // capacity 1
	pace   *flow.Pacer   // at the smaller of both sides' limits

	mu     sync.Mutex // guards what follows
	own    *transfer.Limit
	theirs int64 // the receiver's limit in bytes a second; 0 is none
}

func newPurse(ctx context.Context, own *transfer.Limit) *purse {
	return &purse{
		credit: flow.NewGauge(ctx, 0), turn: make(chan struct{}, 1), pace: flow.NewPacer(own.Rate()), own: own,
	}
}

// grant adds credit.
func (p *purse) grant(bytes int64) { p.credit.Give(bytes) }

// close ends every wait for credit, now and later, with errSettled.
func (p *purse) close() { p.credit.End(errSettled) }

// limit takes the receiver's limit in bytes a second; 0 is none.
func (p *purse) limit(theirs int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.theirs = theirs
	p.renew()
}

// renew puts the smaller of both limits in force. It needs mu.
func (p *purse) renew() { p.pace.Set(flow.Smaller(p.own.Rate(), p.theirs)) }

// follow keeps to this side's limit as it changes, until over is closed.
func (p *purse) follow(ctx context.Context, over <-chan struct{}) error {
	return flow.Follow(ctx, p.own, p.pace.Rate(), over, func(int64) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.renew()
		return nil
	})
}

// unlimited tells whether there is no limit of the rate.
func (p *purse) unlimited() bool { return p.pace.Rate() == 0 }

// wait waits for the turn of a frame with a body of n bytes under the limit of the rate.
func (p *purse) wait(ctx context.Context, n int) error { return p.pace.Take(ctx, flow.OnWire(n)) }

// frame is the largest body of a frame, in bytes and at most most, that is small beside a
// second of the limit.
func (p *purse) frame(most int) int { return p.pace.Frame(most) }

// allotment is credit for the pieces of a chunk, or for one frame. Where the purse has so
// much, all of it is taken before the first piece. Otherwise the writer takes it piece by
// piece and keeps the turn, so that no other writer can begin: writers that each have a
// part of what they need could wait for each other for ever.
type allotment struct {
	purse *purse
	out   framing.Stream
	rest  int64 // not spent
	held  bool  // rest was taken; else the owner has the turn
}

// chunkCost is the most that n bytes cost as the pieces of a chunk, however small
// the limit of the rate makes them meanwhile.
func chunkCost(n int) int64 {
	const margin = flow.MinFrameCost - flow.MinLimitedFrame // for a header, and for what a short frame costs
	return int64(n) + int64(n/flow.MinLimitedFrame)*margin + 2*flow.MinFrameCost
}

// allot takes credit for what is sent on out, in the order in which writers ask. Before a
// writer waits, it flushes out: only what the receiver has brings more credit.
func (p *purse) allot(ctx context.Context, out framing.Stream, cost int64) (allotment, error) {
	a := allotment{purse: p, out: out, rest: cost}
	select {
	case p.turn <- struct{}{}:
	default:
		if err := out.Flush(); err != nil {
			return a, failure.Link("sending", err)
		}
		select {
		case p.turn <- struct{}{}:
		case <-ctx.Done():
			return a, context.Cause(ctx)
		}
	}
	a.settle()
	return a, nil
}

// settle takes all that is needed, if it is there, and passes the turn on.
func (a *allotment) settle() {
	if !a.held && a.purse.credit.Try(a.rest) {
		a.held = true
		<-a.purse.turn
	}
}

// spend lets a frame with a body of n bytes pass: it waits for the credit, and then for its
// turn under the limit of the rate. Under a limit nothing gathers in the buffer.
func (a *allotment) spend(ctx context.Context, n int) error {
	cost := flow.FrameCost(n)
	if a.settle(); !a.held && !a.purse.credit.Try(cost) {
		if err := a.out.Flush(); err != nil {
			return failure.Link("sending", err)
		}
		if err := a.purse.credit.Take(cost); err != nil {
			return err
		}
	}
	a.rest -= cost
	if a.purse.unlimited() {
		return nil
	}
	if err := a.out.Flush(); err != nil {
		return failure.Link("sending", err)
	}
	return a.purse.wait(ctx, n)
}

// end gives back what was taken and not spent, or the turn.
func (a *allotment) end() {
	if a.held {
		a.purse.credit.Give(a.rest)
		return
	}
	<-a.purse.turn
}

// spend lets a frame pass that stands alone.
func (p *purse) spend(ctx context.Context, out framing.Stream, n int) error {
	a, err := p.allot(ctx, out, flow.FrameCost(n))
	if err != nil {
		return err
	}
	defer a.end()
	return a.spend(ctx, n)
}
