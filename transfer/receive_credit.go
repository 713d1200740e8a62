package transfer

import (
	"ferry/framing"
)

// used counts what a frame takes of the credit.
func (r *receiver) used(cost int64) error {
	if window := creditWindow + r.window.Load(); r.owed.Add(cost) > window {
		return violation("more than the %d bytes of credit granted", window)
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
	return linkError("granting credit", r.link.Stream(0).Send(true, framing.TypeCredit, c.Append(nil)))
}

// sendLimit tells the sender this side's limit: only who sends can keep to one
// evenly.
func (r *receiver) sendLimit(rate int64) error {
	m := framing.Limited{Rate: uint64(rate)}
	return linkError("limiting the rate", r.link.Stream(0).Send(true, framing.TypeLimit, m.Append(nil)))
}
