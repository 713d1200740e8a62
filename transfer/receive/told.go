package receive

import (
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// there is what REMARK told of the sender, beyond events. The reader of stream 0 has it, and
// when that has ended Receive.
type there struct {
	count     int   // remarks that came
	unsent    int64 // items that could not be announced; END counts these too
	unremoved int64 // sources that stay though they should not
	why       error // why nothing, or nothing more, was removed there
}

// onRemark takes what the sender's person would see.
func (c *control) onRemark(m framing.Remark) error {
	if c.there.count++; !c.track.Shares() || c.there.count > progress.MaxRemarks {
		return failure.Violation("REMARK %d, which may not come", c.there.count)
	}
	path, late := string(m.Path), c.end.sent()
	var text error
	if len(m.Text) > 0 {
		text = errors.New(string(m.Text))
	}
	switch {
	case c.track.Hear(&m):
	case m.Kind == framing.RemarkExcluded && !late:
		c.track.Excluded(path, &tree.Exclusion{Folder: m.Number == 1, By: tree.Flag(m.Text)})
	case m.Kind == framing.RemarkFailed && m.Number == framing.FailedAnnouncing && !late:
		c.there.unsent++
		c.track.Announced(1, 0)
		c.track.Failed(&transfer.Error{Op: "reading", Path: path, Code: m.Code, Remote: true, Err: text})
	case m.Kind == framing.RemarkFailed && m.Number == framing.FailedRemoving && late:
		if path == "" {
			c.there.why = text
			break
		}
		c.there.unremoved++
		c.track.Failed(&transfer.Error{Op: "removing", Path: path, Code: m.Code, Remote: true, Err: text})
	case m.Kind == framing.RemarkRemoving && late:
		c.end.removing.Store(true)
		c.track.Enter(transfer.PhaseRemoving)
	case m.Kind == framing.RemarkRemoved && late:
		c.track.Removed(path, tree.Info{Kind: tree.Kind(m.Item), Size: int64(m.Number) - 1})
	case m.Kind == framing.RemarkStayed && late:
		c.track.Stayed(int64(m.Number))
	default:
		return failure.Violation("REMARK of kind %d from a sender", m.Kind)
	}
	return nil
}

// left is what a delivery that succeeded left at the source, where it was to be removed.
func (t *there) left(byDigest bool) error {
	if t.why == nil && t.unremoved == 0 {
		return nil
	}
	return &transfer.NotRemovedError{Items: t.unremoved, Why: t.why, Compared: byDigest}
}
