package send

import (
	"fmt"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// promise is what the sender's offer holds it to. The receiver ends a delivery that breaks
// it. So each source is looked at again before it is announced, and left out and named if
// it is not what was offered any more.
//
// offer makes it, before walk starts; after that it does not change.
type promise struct {
	exact   bool
	sources []promised // by their index in tree.Walk.Sources
}

type promised struct {
	kind tree.Kind // 0 if it was not offered: the selection left it out
	size int64     // of a file
}

// admit returns an error unless a source is still what was offered.
func (p *promise) admit(source int, kind tree.Kind, size int64) error {
	was := p.sources[source]
	switch {
	case was.kind == 0:
		return changedSince("it was left out of the offer, and would be sent now")
	case was.kind != kind:
		return changedSince(fmt.Sprintf("it was offered as a %v and is a %v now", was.kind, kind))
	case kind == tree.File:
		return p.grown(was.size, size)
	}
	return nil
}

// grown returns an error if a file has more bytes than an exact offer has for it.
func (p *promise) grown(most, size int64) error {
	if !p.exact || size <= most {
		return nil
	}
	return changedSince(fmt.Sprintf("it has grown from %d to %d bytes since it was offered", most, size))
}

func changedSince(what string) error { return fmt.Errorf("%s; %w", what, failure.ErrNotAsOffered) }

// choose returns up to framing.MaxListed of the items offered, in their order. Of
// more it prefers those that a receiver takes only if they are listed: what is in
// folders, and names that begin with a dot.
func choose(items []framing.OfferItem) []framing.OfferItem {
	if len(items) <= framing.MaxListed {
		return items
	}
	ranks := []func(framing.OfferItem) bool{
		func(it framing.OfferItem) bool { return it.Kind == framing.KindRoot },
		func(it framing.OfferItem) bool { return it.Kind != framing.KindRoot && wire.Hidden(string(it.Name)) },
		func(it framing.OfferItem) bool { return it.Kind != framing.KindRoot && !wire.Hidden(string(it.Name)) },
	}
	list := make([]framing.OfferItem, 0, framing.MaxListed)
	for _, in := range ranks {
		for _, it := range items {
			if len(list) < framing.MaxListed && in(it) {
				list = append(list, it)
			}
		}
	}
	return list
}
