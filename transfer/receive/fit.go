package receive

import (
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// fit gives an entry the name under which the destination stores it. What no system can have
// as a name is refused before the destination sees it.
func (g *gate) fit(e *entry) (refusal *transfer.Error) {
	if g.site.Names == nil {
		return nil
	}
	if err := tree.CheckComponent(e.item.Name); err != nil {
		return &transfer.Error{Code: framing.CodeName, Err: err}
	}
	name, err := g.site.Names.Fit(e.item)
	if err != nil {
		return failure.Destination("receiving", e.path(), err)
	}
	if name != e.item.Name {
		item := *e.item
		item.Name = name
		e.sent, e.name = e.item.Name, name
		g.ledger.rename(e, &item)
	}
	return nil
}

// announced is the name that the sender calls an entry.
func (e *entry) announced() string {
	if e.sent != "" {
		return e.sent
	}
	return e.item.Name
}

// tellName tells of an entry that stands there, or would, under an escaped name. It comes
// before the verdicts on it and on what is in it.
func (s *settler) tellName(e *entry) error {
	if e.sent == "" || !s.track.Escaped(e.id, e.parent.child(e.sent), e.parent.child(e.name)) {
		return nil
	}
	return s.verdicts.flush()
}
