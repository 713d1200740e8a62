package receive

import (
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
)

// room is the space at the destination that is promised to entries and not written yet.
// The planner alone takes; any goroutine gives back.
type room struct {
	site  *site
	bytes account // left: may be promised before the space is looked at again
}

// take promises n bytes to an entry. The space is looked at when as much was promised as
// there was, and each spaceStep. What is not there is a *transfer.SpaceError; any other
// error ends the delivery.
func (r *room) take(n int64) error {
	if n <= 0 || r.bytes.take(n) {
		return nil
	}
	free, err := r.site.Finder.Free()
	if err != nil {
		return failure.DestinationEnds("looking for space", r.site.place, err)
	}
	free = r.bytes.renew(free, flow.Plus(n, spaceStep))
	if !r.bytes.take(n) {
		return &transfer.SpaceError{Need: n, Free: free, Place: r.site.place}
	}
	return nil
}

// give takes n bytes off what is promised: they are written, or not needed.
func (r *room) give(n int64) {
	if n > 0 {
		r.bytes.give(n)
	}
}
