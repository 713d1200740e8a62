package send

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// control takes what the receiver says on stream 0, until the receipt. It never waits for
// a disk, for credit or for a write, because what frees those arrives here. The goroutine
// control runs it.
type control struct {
	in     framing.Stream // stream 0
	link   transfer.Link
	opt    *Options
	terms  *terms
	window *window
	book   *book
	wants  *wants
	purse  *purse
	track  *progress.Tracker

	patches  bool // framing.CapCopy was agreed on
	removal  *removal
	answers  *answers
	finished func() // nothing is asked for any more
	receipt  framing.Receipt
	agreed   atomic.Bool // the receipt came, and agrees with the book
	there    there       // what REMARK told
}

// run returns nil after the receipt.
func (c *control) run(ctx context.Context) error {
	for !c.agreed.Load() {
		t, _, err := c.in.Next()
		if err != nil {
			return c.lost(ctx, err)
		}
		body, err := c.in.Body()
		if err != nil {
			return c.lost(ctx, err)
		}
		if err := c.dispatch(t, body); err != nil {
			return err
		}
	}
	c.finished()
	if !c.removal.shares() { // else it comes when the sources are removed
		c.goodbye()
	}
	return nil
}

// goodbye ends the delivery. The receipt is in hand: if it does not arrive, that changes
// nothing.
func (c *control) goodbye() {
	c.link.Part()
	bye := framing.Bye{}
	_ = c.in.Send(true, framing.TypeBye, bye.Append(nil))
}

// lost explains the end of stream 0.
func (c *control) lost(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if c.book.settled() {
		return failure.Link("waiting for the receipt (unknown whether all of it is durable: run the same command again)", err)
	}
	return failure.Link("delivering", err)
}

// dispatch handles one frame.
func (c *control) dispatch(t framing.Type, body []byte) error {
	if !c.terms.settled() && t != framing.TypeAccept && t != framing.TypeDecline && t != framing.TypeBye && t != framing.TypeRemark {
		return failure.Violation("%v before ACCEPT", t)
	}
	switch t {
	case framing.TypeAccept:
		return one(c.onAccept)(framing.ParseAccept(body))
	case framing.TypeDecline:
		return one(c.onDecline)(framing.ParseDecline(body))
	case framing.TypeCredit:
		return one(c.onCredit)(framing.ParseCredit(body))
	case framing.TypeLimit:
		return one(c.onLimit)(framing.ParseLimited(body))
	case framing.TypeWant:
		return each(framing.ParseWants(body), c.onWant)
	case framing.TypeDone:
		if err := each(framing.ParseDones(body), c.onDone); err != nil {
			return err
		}
		c.track.Refresh()
		return nil
	case framing.TypeWarn:
		return each(framing.ParseWarns(body), c.onWarn)
	case framing.TypeFault:
		return one(c.onFault)(framing.ParseFault(body))
	case framing.TypePieces:
		return one(c.onPieces)(framing.ParsePieces(body))
	case framing.TypeAsk:
		return one(c.answers.ask)(framing.ParseAsk(body))
	case framing.TypeRemark:
		return each(framing.ParseRemarks(body), c.onRemark)
	case framing.TypeReceipt:
		return one(c.onReceipt)(framing.ParseReceipt(body))
	case framing.TypeBye:
		return one(c.onBye)(framing.ParseBye(body))
	}
	return failure.Violation("%v from a receiver", t)
}

// one is a function that has take handle a message, unless it did not parse.
func one[M any](take func(M) error) func(M, error) error {
	return func(m M, err error) error {
		if err != nil {
			return failure.Malformed(err)
		}
		return take(m)
	}
}

// each has take handle the records of a message, up to one that does not parse.
func each[M any](records iter.Seq2[M, error], take func(M) error) error {
	for m, err := range records {
		if err != nil {
			return failure.Malformed(err)
		}
		if err := take(m); err != nil {
			return err
		}
	}
	return nil
}

func (c *control) onAccept(a framing.Accept) error {
	if err := c.terms.check(&a); err != nil {
		return err
	}
	c.link.LimitRetry(time.Duration(a.RetrySeconds) * time.Second)
	c.window.widen(&a)
	c.terms.settle(a)
	c.track.Declined(c.terms.wish, wire.Metadata(a.Flags), framing.CodeDeclined, true)
	return nil
}

// onDecline takes why nothing is taken: the other side does not want it, or its destination
// cannot.
func (c *control) onDecline(d framing.Decline) error {
	code := framing.CodeDeclined
	if failure.OfDestination(d.Code) {
		code = d.Code
	}
	return failure.Remote("offering", code, d.Message)
}

func (c *control) onBye(b framing.Bye) error { return failure.Farewell(b) }

func (c *control) onCredit(m framing.Credit) error {
	c.purse.grant(int64(m.Bytes))
	return nil
}

func (c *control) onLimit(m framing.Limited) error {
	c.purse.limit(int64(m.Rate))
	return nil
}

func (c *control) onWant(w framing.Want) error {
	if (w.Kind == framing.WantHold || w.Kind == framing.WantPatch) && !c.patches {
		return failure.Violation("WANT of kind %d was not agreed on", w.Kind)
	}
	e, givenUp, err := c.book.ask(&w, c.opt.DryRun)
	if err != nil || givenUp {
		return err
	}
	if err := c.wants.put(e, &w); err != nil {
		return err
	}
	if w.Kind == framing.WantCheck {
		c.track.Enter(transfer.PhaseComparing)
	} else {
		c.track.Kept(-e.compared.Swap(0))
		c.track.Enter(transfer.PhaseTransfer)
	}
	return nil
}

func (c *control) onFault(f framing.Fault) error {
	if f.ID == 0 {
		return failure.Remote("delivering", f.Code, f.Message)
	}
	v, err := c.book.fault(f.ID)
	if err != nil {
		return err
	}
	c.there.settled(v.entry)
	c.settled(&v)
	c.track.Kept(-v.entry.compared.Swap(0))
	cause := v.failed // what this side said first, if it did
	if cause == nil {
		cause = &transfer.Error{Op: "delivering", Path: v.entry.item.Display, Code: f.Code, Remote: true, Err: errors.New(faultText(f))}
	}
	c.track.Failed(cause)
	return nil
}

func faultText(f framing.Fault) string {
	if len(f.Message) > 0 {
		return f.Message
	}
	return fmt.Sprint(f.Code)
}

// settled looks whether a verdict was the last one.
func (c *control) settled(v *verdict) {
	if v.last {
		c.track.Enter(transfer.PhaseSyncing)
	}
}

func (c *control) onDone(d framing.Done) error {
	elsewhere := d.Status&framing.DoneElsewhere != 0 // it has d.Name
	status := d.Status &^ framing.DoneElsewhere
	if (elsewhere || status == framing.DoneRenamed) && tree.CheckComponent(string(d.Name)) != nil {
		return failure.Violation("DONE with the name %q", d.Name)
	}
	v, err := c.book.done(d.ID, status, c.opt.DryRun)
	if err != nil {
		return err
	}
	c.settled(&v)
	e := v.entry
	at := c.there.place(e)
	c.there.settled(e)
	c.removal.note(e, v.read, status, v.delivers)
	if status == framing.DoneSkipped && !c.opt.OwnSkips {
		c.track.Kept(-e.compared.Swap(0))
		c.track.Failed(&transfer.Error{Op: "delivering", Path: e.item.Display, Code: d.Code, Remote: true, Err: transfer.SkippedError{Cause: d.Code}})
		return nil
	}
	content := e.hasContent()
	sent := v.delivers && !c.opt.DryRun
	if content && !sent && v.size > 0 {
		c.track.Spared(v.size, e.compared.Swap(0))
	}
	if n := e.compared.Swap(0); sent && n > 0 { // it had the content under another name
		c.track.Reused(n, e.item.Display)
	} else {
		c.track.Kept(-n)
	}
	if v.delivers && e.trial.fails() {
		c.track.Failed(e.trial.err)
		return nil
	}
	done := transfer.ItemDone{
		Path: e.item.Display, At: wire.PlaceOf(at, string(d.Name)), Kind: e.item.Kind, Size: v.size, Status: statusOf(status), Cause: d.Code,
		Digest: v.root, Hashed: v.verified,
	}
	if status == framing.DoneRenamed {
		done.NewName = string(d.Name)
	}
	c.track.Done(done, content)
	return nil
}

// statusOf is how an item ended, as it is told.
func statusOf(s framing.DoneStatus) transfer.Status {
	switch s {
	case framing.DoneEqual:
		return transfer.StatusSame
	case framing.DoneEqualAdjusted:
		return transfer.StatusAdjusted
	}
	return transfer.Status(s)
}

// attributes of WARN, which have the same values.
var attributes = [...]tree.Attr{tree.AttrOwner, tree.AttrSpecial, tree.AttrXattrs, tree.AttrACL, tree.AttrTime, tree.AttrMode}

// allowed are the attributes that a receiver may warn of when m was granted.
func allowed(m tree.Metadata) framing.Attributes {
	a := framing.AttrTime | framing.AttrMode
	if m.Owner {
		a |= framing.AttrOwner | framing.AttrSpecial
	}
	if m.Xattrs {
		a |= framing.AttrXattrs | framing.AttrACL
	}
	return a
}

// onWarn takes what the receiver could not apply to an entry.
func (c *control) onWarn(w framing.Warn) error {
	if extra := w.Attrs &^ allowed(c.terms.granted()); extra != 0 {
		return failure.Violation("WARN of attributes %#x, which were not granted", extra)
	}
	path, err := c.book.warn(w.ID)
	if err != nil {
		return err
	}
	for _, what := range attributes {
		if w.Attrs&framing.Attributes(what) != 0 {
			c.track.Warned(transfer.ItemWarned{Path: path, What: what, Code: w.Code, Remote: true}, 1)
		}
	}
	return nil
}

func (c *control) onReceipt(r framing.Receipt) error {
	if err := c.book.compare(r); err != nil {
		return err
	}
	c.receipt = r
	c.agreed.Store(true)
	return nil
}
