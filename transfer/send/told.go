package send

import (
	"errors"
	"path"
	"strings"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// there is what REMARK told of the other side, beyond events. Goroutine control has it, and
// when that has ended Send.
type there struct {
	landing   string            // the name that the only item gets; empty: its own
	stored    map[string]string // escaped names of entries in flight, by the path of their own
	store     string            // that keeps it all; empty: a disk does
	unsynced  error             // why not all is durable
	refused   error             // why nothing is deleted
	undeleted int64             // items that could not be
	count     int               // remarks that came, but for escaped names: of those each entry has one
}

// own is where an entry would land by its own name, and those that it is in.
func (t *there) own(e *entry) string {
	if t.landing != "" && e.item.Parent == 0 {
		return t.landing
	}
	return e.at
}

// place is where an entry lands.
func (t *there) place(e *entry) string {
	at := t.own(e)
	if len(t.stored) == 0 {
		return at
	}
	parts := strings.Split(at, "/")
	for i, end := 0, 0; i < len(parts); i++ {
		end += len(parts[i])
		if name, escaped := t.stored[at[:end]]; escaped {
			parts[i] = name
		}
		end++ // the slash
	}
	return strings.Join(parts, "/")
}

// settled forgets an entry.
func (t *there) settled(e *entry) { delete(t.stored, t.own(e)) }

// escaped notes under which name an entry is stored.
func (c *control) escaped(m *framing.Remark) error {
	e, at := c.book.inFlight(m.Number), string(m.Text)
	name := path.Base(at)
	if e == nil || tree.CheckComponent(name) != nil {
		return failure.Violation("REMARK of entry %d, which is stored as %q", m.Number, m.Text)
	}
	if c.there.stored == nil {
		c.there.stored = make(map[string]string)
	}
	own := c.there.own(e)
	if c.there.stored[own] != "" {
		return failure.Violation("REMARK of entry %d again, which is stored as %q", m.Number, m.Text)
	}
	c.there.stored[own] = name
	c.track.Escaped(m.Number, string(m.Path), at)
	return nil
}

// onRemark takes what the receiver's person would see.
func (c *control) onRemark(m framing.Remark) error {
	_, caps, _ := c.link.Peer()
	agreed := c.track.Shares()
	switch m.Kind {
	case framing.RemarkEscaped:
		agreed = caps&framing.CapNames != 0
		c.there.count-- // of those each entry has one
	case framing.RemarkStored:
		agreed = caps&framing.CapStored != 0
	}
	c.there.count++
	if !agreed || c.there.count > progress.MaxRemarks {
		return failure.Violation("REMARK %d, which may not come", c.there.count)
	}
	if !c.terms.settled() && m.Kind != framing.RemarkLanding && m.Kind != framing.RemarkPlace {
		return failure.Violation("REMARK of kind %d before ACCEPT", m.Kind)
	}
	if c.track.Hear(&m) {
		return nil
	}
	at, text := string(m.Path), string(m.Text)
	switch {
	case m.Kind == framing.RemarkEscaped:
		return c.escaped(&m)
	case m.Kind == framing.RemarkKept:
		c.track.BackedUp(at, text)
	case m.Kind == framing.RemarkDeleted:
		c.track.Enter(transfer.PhaseDeleting)
		c.track.Deleted(at, tree.Info{Kind: tree.Kind(m.Item), Size: int64(m.Number) - 1})
	case m.Kind == framing.RemarkFailed && m.Number == framing.FailedDeleting:
		c.there.undeleted++
		c.track.Failed(&transfer.Error{Op: "deleting", Path: at, Code: m.Code, Remote: true, Err: errors.New(text)})
	case m.Kind == framing.RemarkStored && c.there.store == "" && text != "":
		c.there.store = text
	case m.Kind == framing.RemarkUnsynced:
		c.there.unsynced = errors.New(text)
	case m.Kind == framing.RemarkRefused:
		c.there.refused = failure.Refused(&m)
	case m.Kind == framing.RemarkLanding && c.there.landing == "" && !c.terms.settled() && tree.CheckComponent(text) == nil:
		c.there.landing = text
	case m.Kind == framing.RemarkPlace && !c.terms.settled():
		return c.removal.toldPlace(&m)
	default:
		return failure.Violation("REMARK of kind %d from a receiver", m.Kind)
	}
	return nil
}
