package receive

import (
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
)

// used counts what a frame takes of the credit.
func (r *receiver) used(cost int64) error {
	if window := flow.CreditWindow + r.window.Load(); r.owed.Add(cost) > window {
		return failure.Violation("more than the %d bytes of credit granted", window)
	}
	return nil
}

// grant gives credit for bytes that were dealt with, a step at a time.
func (r *receiver) grant(cost int64) error {
	if cost == 0 || r.freed.Add(cost) < creditStep {
		return nil
	}
	n := r.freed.Swap(0)
	if n == 0 {
		return nil
	}
	r.owed.Add(-n)
	c := framing.Credit{Bytes: uint32(n)}
	return failure.Link("granting credit", r.link.Stream(0).Send(true, framing.TypeCredit, c.Append(nil)))
}

// sendLimit tells the sender this side's limit: only who sends can keep to one
// evenly.
func (r *receiver) sendLimit(rate int64) error {
	m := framing.Limited{Rate: uint64(rate)}
	return failure.Link("limiting the rate", r.link.Stream(0).Send(true, framing.TypeLimit, m.Append(nil)))
}

// sourceAsked grants credit for one more entry of unknown length at a time: each
// has a chunk that grows by pieces, and keeps their credit until it is whole. They
// would wait for each other. Called by plan.
func (r *receiver) sourceAsked() error {
	n := r.sources.Add(1)
	if n <= r.widest {
		return nil
	}
	r.widest = n
	return r.grantMore()
}

// grantMore widens the window by the chunk that may be under way.
func (r *receiver) grantMore() error {
	r.window.Add(flow.StreamCredit)
	c := framing.Credit{Bytes: flow.StreamCredit}
	return failure.Link("granting credit", r.link.Stream(0).Send(true, framing.TypeCredit, c.Append(nil)))
}
