package receive

import (
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// control handles the frames of stream 0 that are no content. It waits for nothing, and
// writes nothing. The reader of stream 0 calls it.
type control struct {
	ledger   *ledger
	plans    *flow.Queue[message]
	jobs     *flow.Queue[job]
	reuse    *reuse
	breadth  *breadth
	end      *closing
	growth   *growth
	track    *progress.Tracker
	there    *there
	deletion *deletion
	ordered  bool
}

// handle handles one frame; over says that it was the goodbye after the receipt.
func (c *control) handle(t framing.Type, body []byte) (over bool, err error) {
	switch t {
	case framing.TypeEntry:
		return false, c.entries(body)
	case framing.TypeEnd:
		m, err := framing.ParseEnd(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, c.announcedAll(m)
	case framing.TypeFileEnd:
		return false, c.fileEnds(body)
	case framing.TypeChecked:
		m, err := framing.ParseChecked(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, c.checked(m)
	case framing.TypeChanged:
		m, err := framing.ParseChanged(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		return false, c.say(m.ID, func(e *entry) message { return changed{e, m} })
	case framing.TypeFault:
		m, err := framing.ParseFault(body)
		if err != nil {
			return false, failure.Malformed(err)
		}
		if m.ID == 0 {
			return false, failure.Remote("delivering", m.Code, m.Message)
		}
		return false, c.say(m.ID, func(e *entry) message { return givenUp{e, m} })
	case framing.TypeListing:
		m, err := framing.ParseListing(body)
		switch {
		case err != nil:
			return false, failure.Malformed(err)
		case c.deletion == nil:
			return false, failure.Violation("LISTING that nobody asked for")
		}
		return false, c.deletion.asker.Put(&m)
	case framing.TypeRemark:
		for m, err := range framing.ParseRemarks(body) {
			if err != nil {
				return false, failure.Malformed(err)
			}
			if err := c.onRemark(m); err != nil {
				return false, err
			}
		}
		return false, nil
	case framing.TypeStreams:
		return false, c.breadth.asked(body)
	case framing.TypeBye:
		return c.bye(body)
	}
	return false, failure.Violation("%v from a sender", t)
}

// entries takes announcements in.
func (c *control) entries(body []byte) error {
	var records []message
	var announced []*tree.Entry
	var size int64
	for w, err := range framing.ParseEntries(body) {
		if err != nil {
			return failure.Malformed(err)
		}
		t := wire.ToEntry(&w)
		if t.Kind == tree.FolderEnd {
			records = append(records, folderEnd(t.ID))
			continue
		}
		e := &entry{id: t.ID, kind: t.Kind, name: t.Name, item: t, weight: wire.Weight(&w), holes: w.Holes}
		records = append(records, arrival{e})
		announced = append(announced, t)
		size = flow.Plus(size, max(t.Size, 0))
	}
	if err := c.ledger.announce(records); err != nil {
		return err
	}
	c.growth.count(announced)
	c.track.Announced(int64(len(announced)), size)
	c.plans.Put(records...)
	return nil
}

// announcedAll takes END.
func (c *control) announcedAll(m framing.End) error {
	if err := c.ledger.mayEnd(m); err != nil {
		return err
	}
	if told := c.there.unsent; int64(m.Failed) < told {
		return failure.Violation("END counts %d failed items, told were %d", m.Failed, told)
	}
	// Before the ledger knows: the last verdict may come at any time, and then the receipt.
	c.growth.walked()
	c.track.WalkedThere(int64(m.Failed) - c.there.unsent)
	c.ledger.announcedAll(m)
	return nil
}

// fileEnds takes what the sender says of whole contents.
func (c *control) fileEnds(body []byte) error {
	for f, err := range framing.ParseFileEnds(body) {
		if err != nil {
			return failure.Malformed(err)
		}
		a, whole, err := c.ledger.fileEnd(f)
		if err != nil {
			return err
		}
		// An ordered delivery has it behind the pieces, which came before it.
		if a != nil && (whole || c.ordered) {
			c.jobs.Put(sealing{a})
		}
	}
	return nil
}

// checked takes the answer to a WANT page.
func (c *control) checked(m framing.Checked) error {
	a, g, err := c.ledger.checked(m)
	if a == nil || err != nil {
		return err
	}
	c.reuse.gained(a, g)
	return nil
}

// say queues what the sender says of an entry for the planner.
func (c *control) say(id uint64, what func(*entry) message) error {
	e, err := c.ledger.say(id)
	if e == nil || err != nil {
		return err
	}
	c.plans.Put(what(e))
	return nil
}

func (c *control) bye(body []byte) (over bool, err error) {
	b, err := framing.ParseBye(body)
	if err != nil {
		return false, failure.Malformed(err)
	}
	if !c.end.sent() {
		return false, failure.Farewell(b)
	}
	c.end.acknowledged.Store(b.Code == framing.CodeNone)
	return true, nil
}
