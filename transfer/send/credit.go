package send

import (
	"context"

	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/link"
)

// allotment is credit for the pieces of a chunk, or for one frame. All of it is
// taken before the first piece where there is so much. Else its owner takes it
// piece by piece, and alone: of writers that each have a part of what they need,
// only one may wait for the rest.
type allotment struct {
	s    *sender
	out  *link.Stream
	rest int64 // not spent
	held bool  // rest was taken; else the owner has s.turn
}

// chunkCost is the most that n bytes cost as the pieces of a chunk, however small
// the limit of the rate makes them meanwhile.
func chunkCost(n int) int64 {
	const margin = flow.MinFrameCost - flow.MinLimitedFrame // for a header, and for what a short frame costs
	return int64(n) + int64(n/flow.MinLimitedFrame)*margin + 2*flow.MinFrameCost
}

// allot takes credit in the order in which writers ask. Before one waits, what is
// in the buffer leaves, since only that brings more.
func (s *sender) allot(ctx context.Context, out *link.Stream, cost int64) (*allotment, error) {
	a := &allotment{s: s, out: out, rest: cost}
	select {
	case s.turn <- struct{}{}:
	default:
		if err := out.Flush(); err != nil {
			return nil, failure.Link("sending", err)
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	a.settle()
	return a, nil
}

// settle takes all that is needed, if it is there, and lets the next one try.
func (a *allotment) settle() {
	if !a.held && a.s.bytes.Try(a.rest) {
		a.held = true
		<-a.s.turn
	}
}

// spend lets a frame with a body of n bytes pass.
func (a *allotment) spend(ctx context.Context, n int) error {
	cost := flow.FrameCost(n)
	if a.settle(); !a.held && !a.s.bytes.Try(cost) {
		if err := a.out.Flush(); err != nil {
			return failure.Link("sending", err)
		}
		if err := a.s.bytes.Take(cost); err != nil {
			return err
		}
	}
	a.rest -= cost
	return a.s.keepRate(ctx, a.out, n)
}

// end gives back what was taken and not spent, or the turn.
func (a *allotment) end() {
	if a.held {
		a.s.bytes.Give(a.rest)
		return
	}
	<-a.s.turn
}
