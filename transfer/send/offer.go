package send

import (
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// offer sends OFFER: the named items, with sizes where one look tells them. What may
// be sent as it is read has no final size.
func (a *announcer) offer(link transfer.Link) error {
	if a.opt.DryRun {
		a.track.Rehearse()
	}
	o := framing.Offer{RetrySeconds: wire.RetrySeconds(link.RetryFor()), Flags: a.flags()}
	a.terms.offered.Store(o.Flags)
	items, total, exact := a.named()
	o.Exact = exact && !a.opt.AllowChanged
	o.Items, o.Bytes, o.Listed = uint64(len(items)), uint64(total), choose(items)
	event := transfer.Offer{Items: int64(o.Items), Bytes: total, Exact: o.Exact, DryRun: a.opt.DryRun, Text: a.opt.Text != ""}
	for _, it := range o.Listed {
		event.Listed = append(event.Listed, transfer.OfferItem{Name: string(it.Name), Kind: tree.Kind(it.Kind), Size: int64(it.Size) - 1})
	}
	event.Peer, _, _ = link.Peer()
	a.track.Tell(transfer.Offered{Offer: event})
	o.Exact = o.Exact && !a.opt.Unasked
	a.promise.exact = o.Exact
	// Not flushed: the first ENTRY frame goes with it.
	return failure.Link("sending the offer", a.out.Send(false, framing.TypeOffer, o.Append(nil)))
}

// flags are those of OFFER.
func (a *announcer) flags() uint32 {
	flags := wire.Flags(a.terms.wish)
	for _, f := range []struct {
		on   bool
		flag uint32
	}{
		{a.opt.Checksum, framing.FlagChecksum},
		{a.opt.AllowChanged, framing.FlagAllowChanged},
		{a.opt.DryRun, framing.FlagDryRun},
		{a.opt.Text != "", framing.FlagText},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// named looks at the sources that the user named, and notes in the promise what they are.
// It returns how much content they have, as far as that is known, and whether all is.
func (a *announcer) named() (items []framing.OfferItem, total int64, exact bool) {
	exact = true
	walk := a.newWalk()
	for i := range a.opt.Sources {
		src := &a.opt.Sources[i]
		if src.Reader != nil {
			items = append(items, framing.OfferItem{Kind: framing.KindStream, Name: []byte(src.Name)})
			total, exact = int64(len(a.opt.Text)), a.opt.Text != "" // of a text all is known
			continue
		}
		kind, size, err := walk.Look(&src.Source)
		if err != nil {
			kind = tree.File // the walk will say why it is missing
		}
		a.promise.sources = append(a.promise.sources, promised{kind, size})
		if kind == 0 {
			continue // likewise
		}
		item := framing.OfferItem{Kind: framing.EntryKind(kind), Name: []byte(src.Name)}
		switch {
		case kind == tree.Root:
			item.Name = nil
		case kind == tree.File && err == nil:
			item.Size = uint64(size) + 1
			total = flow.Plus(total, size)
		}
		exact = exact && (kind == tree.File || kind == tree.Symlink)
		items = append(items, item)
	}
	return items, total, exact
}
