package receive

import (
	"errors"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// errLandsMany declines an offer for which Options.Land has a name, and which is not one
// item that can have it.
var errLandsMany = errors.New("only one file can get another name, and something else is offered")

// land asks under which name the offer lands. An error declines it.
func (o *opening) land() error {
	if o.opt.Land == nil || o.opt.Output != nil {
		return nil
	}
	name, err := o.opt.Land(o.event())
	if name == "" || err != nil {
		return err
	}
	if err := tree.CheckName(name); err != nil {
		return err
	}
	if o.offer.Items != 1 || o.offer.Listed[0].Kind == framing.KindFolder || o.offer.Listed[0].Kind == framing.KindRoot {
		return errLandsMany
	}
	o.landing = name
	return nil
}

// tellLanding tells the sender that name, which it cannot know, before ACCEPT.
func (o *opening) tellLanding() error {
	if o.landing == "" || !o.track.Shares() {
		return nil
	}
	m := framing.Remark{Kind: framing.RemarkLanding, Text: []byte(o.landing)}
	return failure.Link("accepting", o.link.Stream(0).Send(false, framing.TypeRemark, m.Append(nil)))
}

// tellPlace tells the sender which folder the destination is, before ACCEPT: if that is on
// its machine, it must not remove what stands there.
func (o *opening) tellPlace(s *site) error {
	if !o.track.Shares() || s.place == "" || s.dry {
		return nil
	}
	m := o.here.Tell(s.place)
	return failure.Link("accepting", o.link.Stream(0).Send(false, framing.TypeRemark, m.Append(nil)))
}

// land gives an entry the name under which the delivery lands, once it is known to be what
// was offered under its own.
func (g *gate) land(e *entry) {
	if g.landing == "" || e.item.Parent != 0 {
		return
	}
	item := *e.item
	item.Name = g.landing
	e.name = g.landing
	g.ledger.rename(e, &item)
}
