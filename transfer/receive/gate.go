package receive

import (
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// gate holds announced entries against the rules that are the same for every
// destination: what was accepted and granted, names, depth, and links that lead out. It
// refuses names, never repairs them, unless the destination does (storage.Names). It is the
// planner's.
type gate struct {
	ledger  *ledger
	links   *links
	site    *site
	consent *consent
	policy  transfer.LinkPolicy
	landing string // the name that the one item at the top gets; empty: its own
}

// admit lets an entry in. A refusal is why it fails, and not made; an error ends the
// delivery.
func (g *gate) admit(e *entry) (refusal *transfer.Error, err error) {
	t := e.item
	g.site.narrow(t)
	if t.Kind == tree.Root {
		return nil, g.consent.item(t, t.Kind)
	}
	if (t.Linked || t.Kind == tree.HardLink) && !g.site.granted.HardLinks {
		return nil, failure.Violation("hard links, which were not granted, with entry %d", t.ID)
	}
	if err := g.links.admit(e); err != nil {
		return nil, err
	}
	kind := t.Kind
	if e.link.to != nil {
		kind = e.link.to.kind
	}
	if err := g.consent.item(t, kind); err != nil {
		return nil, err
	}
	parent, known := g.ledger.enterFolder(e)
	if err := g.agreed(t); err != nil {
		return nil, err
	}
	if !known {
		return nil, failure.Violation("entry %d is in folder %d, which is not open", t.ID, t.Parent)
	}
	if parent != nil && parent.failed {
		return &transfer.Error{Code: framing.CodeCancelled, Err: errors.New("the folder that it is in was not made")}, nil
	}
	g.land(e)
	if refusal := g.fit(e); refusal != nil {
		return refusal, nil
	}
	t = e.item
	err = tree.CheckName(t.Name)
	if err == nil && parent != nil && (parent.length+1+len(t.Name) > tree.MaxPath || parent.depth > tree.MaxDepth) {
		err = tree.ErrTooDeep
	}
	if err != nil {
		return &transfer.Error{Code: framing.CodeName, Err: err}, nil
	}
	return nil, nil
}

// agreed returns an error if items of t's kind were not agreed on.
func (g *gate) agreed(t *tree.Entry) error {
	switch t.Kind {
	case tree.Folder, tree.Symlink, tree.File, tree.Stream, tree.HardLink:
		return nil
	case tree.FIFO, tree.CharDevice, tree.BlockDevice, tree.Socket:
		if !g.site.granted.Devices {
			return failure.Violation("entry %d is a %v, which was not granted", t.ID, t.Kind)
		}
		return nil
	}
	return failure.Violation("entry %d is a %v, which was not agreed on", t.ID, t.Kind)
}

// symlink applies the rules for symbolic links. skip says that the user wants none.
func (g *gate) symlink(e *entry) (skip bool, refusal *transfer.Error) {
	if err := tree.CheckTarget(e.item.Target); err != nil {
		return false, &transfer.Error{Code: framing.CodeLink, Err: err}
	}
	switch {
	case g.policy == transfer.LinksSkip:
		return true, nil
	case g.leadsOut(e, tree.TargetClimbs(e.item.Target)):
		return false, errLeadsOut()
	}
	return false, nil
}

// hardLink applies what became of the target of a hard link to the link. Skip is not
// CodeNone if the target was skipped: what has its name is another item then, or none.
func (g *gate) hardLink(e *entry) (skip framing.Code, refusal *transfer.Error) {
	failed, skip := g.links.verdict(e)
	switch {
	case failed != nil:
		return framing.CodeNone, &transfer.Error{Code: failed.Code, Remote: failed.Remote, Err: failure.ErrTarget}
	case skip != framing.CodeNone:
		return skip, nil
	case e.link.to.kind == tree.Symlink && g.leadsOut(e, e.link.to.climbs):
		return framing.CodeNone, errLeadsOut()
	}
	return framing.CodeNone, nil
}

// leadsOut tells whether --links safe refuses a symbolic link at e's place, whose
// target needs so many folders above it (tree.TargetClimbs). It is asked for each name
// of a link: one that stays in the tree from deep down may leave it from further up.
func (g *gate) leadsOut(e *entry, climbs int) bool {
	depth := 0
	if e.parent != nil {
		depth = e.parent.depth
	}
	return g.policy == transfer.LinksSafe && climbs > depth
}

func errLeadsOut() *transfer.Error {
	return &transfer.Error{Code: framing.CodeLink,
		Err: errors.New("the link leads out of the tree; --follow at the sender sends what it points to, --links all at the receiver keeps the link")}
}
