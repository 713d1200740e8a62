package receive

import (
	"fmt"
	"sync"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// consent holds what comes against what was accepted: the offer, and this side's
// own limits. What goes beyond the offer breaks the rules of the protocol; what
// goes beyond the limits alone does not, and ends the delivery all the same.
//
// The planner's goroutine alone, or that of an ordered delivery, calls item and resize. The
// reader of stream 0 calls content. A link that is joined again changes nothing of it.
type consent struct {
	offer  framing.Offer
	most   limits
	may    map[string]framing.EntryKind // items listed that did not come yet, by name
	roots  bool                         // what is in folders may come
	dotted bool                         // unlisted names may begin with a dot
	top    uint64                       // items that came at the top
	asked  *covered                     // nil: they were not asked for

	mu    sync.Mutex
	items int64 // all that came
	bytes int64 // of content announced, or of streams come
}

// limits are Options.Most's MaxItems and MaxBytes; 0 is none.
type limits struct{ items, bytes int64 }

func newConsent(offer framing.Offer, most limits, asked *covered) *consent {
	c := &consent{offer: offer, asked: asked, most: most, may: make(map[string]framing.EntryKind, len(offer.Listed))}
	c.dotted = len(offer.Listed) == framing.MaxListed
	for _, it := range offer.Listed {
		if it.Kind == framing.KindRoot {
			c.roots = true
			continue
		}
		c.may[string(it.Name)] = it.Kind
		c.dotted = c.dotted && wire.Hidden(string(it.Name))
	}
	return c
}

// refuse returns why the offer as a whole is not taken, or nil. onlyNamed says that
// what is in a folder, under names that no offer tells, is not wanted.
func (c *consent) refuse(onlyNamed bool) error {
	if c.roots && onlyNamed {
		return errUnnamed
	}
	return c.most.check(int64(c.offer.Items), int64(c.offer.Bytes), "is offered")
}

// errUnnamed declines an offer of what is in a folder.
var errUnnamed = fmt.Errorf("what is in a folder is offered, and not under which names")

// check returns an error if so many items or bytes are more than the limits.
func (l limits) check(items, bytes int64, verb string) error {
	switch {
	case l.items == 1 && items > 1:
		return fmt.Errorf("more %s than the one item that is taken here at most (--max-items)", verb)
	case l.items > 0 && items > l.items:
		return fmt.Errorf("more %s than the %d items that are taken here at most (--max-items)", verb, l.items)
	case l.bytes > 0 && bytes > l.bytes:
		return fmt.Errorf("more %s than the %s that are taken here at most (--max-bytes)", verb, transfer.SizeText(l.bytes))
	}
	return nil
}

// item counts an entry, and returns why it may not come. A hard link is of the kind
// of what it is a further name of.
func (c *consent) item(e *tree.Entry, kind tree.Kind) error {
	if e.Parent == 0 {
		if err := c.atTop(e, framing.EntryKind(kind)); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items++
	if c.offer.Exact && uint64(c.items) > c.offer.Items {
		return failure.Violation("entry %d: no more than %d items were offered", e.ID, c.offer.Items)
	}
	return c.add(max(e.Size, 0))
}

// atTop finds an entry among the items offered.
func (c *consent) atTop(e *tree.Entry, kind framing.EntryKind) error {
	if c.top++; c.top > c.offer.Items {
		return failure.Violation("entry %d: no more than %d items were offered", e.ID, c.offer.Items)
	}
	if err := c.asked.take(e.Name, kind == framing.KindRoot); err != nil {
		return err
	}
	if kind == framing.KindRoot {
		if !c.roots {
			return failure.Violation("entry %d is what is in a folder, which was not offered", e.ID)
		}
		return nil
	}
	offered, listed := c.may[e.Name]
	switch {
	case listed && offered != kind:
		return failure.Violation("entry %d is a %v, offered under its name was a %v", e.ID, tree.Kind(kind), tree.Kind(offered))
	case listed:
		delete(c.may, e.Name)
	case c.offer.Items <= framing.MaxListed:
		return failure.Violation("entry %d has a name that was not offered", e.ID)
	case wire.Hidden(e.Name) && !c.dotted:
		return failure.Violation("entry %d has a name that begins with a dot, and was not listed", e.ID)
	}
	return nil
}

// content counts bytes of a stream, which come without having been announced.
func (c *consent) content(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(int64(n))
}

// resize counts the new size of a file that changed, where it is more than the most that
// it had. A smaller one gives nothing back: what came before stands in the partial, and
// a sender could fill the disk with files that it then has shrink.
func (c *consent) resize(most, after int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(max(after-most, 0))
}

// add counts bytes, and looks at all bounds but those of items. Callers hold mu.
func (c *consent) add(n int64) error {
	c.bytes = flow.Plus(c.bytes, n)
	if c.offer.Exact && c.bytes > int64(c.offer.Bytes) {
		return failure.Violation("more content than the %d bytes that were offered", c.offer.Bytes)
	}
	if err := c.most.check(c.items, c.bytes, "came"); err != nil {
		return &transfer.Error{Op: "receiving:", Code: framing.CodeDeclined, Err: err}
	}
	return nil
}
