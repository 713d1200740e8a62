package receive

import (
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
)

// rehearse settles a file or stream that a delivery would take. Its plan is made.
func (r *receiver) rehearse(e *inEntry) error {
	if err := r.rehearseSpace(e); err != nil {
		return r.fail(e, "finding room", err)
	}
	switch {
	case e.expect != nil:
		return r.settle(e, transfer.StatusReplaced, "")
	case !e.rename:
		return r.settle(e, transfer.StatusDelivered, "")
	}
	if e.at == "" {
		return r.fail(e, "finding a free name", noFreeName())
	}
	return r.settle(e, transfer.StatusRenamed, e.at)
}

// rehearseSpace adds an entry to what would be needed. What an unfinished
// delivery left of it takes no space again.
func (r *receiver) rehearseSpace(e *inEntry) error {
	n := max(e.stored()-r.at.Estimate.Allocated(e.entry), 0)
	free, err := r.at.Finder.Free()
	if err != nil {
		return failure.DestinationEnds("looking for space", r.place(), err)
	}
	if n > free-r.wanted && e.expect != nil && r.at.Estimate.Shares(e.entry) {
		n = max(min(n, e.entry.Size-e.expect.Size), 0)
	}
	if n > free-r.wanted {
		return &transfer.Error{Op: "finding room:", Code: framing.CodeNoSpace, Path: e.path(),
			Err: &transfer.SpaceError{Need: n, Free: max(free-r.wanted, 0), Place: r.place()}}
	}
	r.wanted += n
	return nil
}
