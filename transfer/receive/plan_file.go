package receive

import (
	"context"

	"ferry/transfer"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// file decides about a file or stream. differs says that the file which stands there was
// compared by digest and is another.
func (p *planner) file(ctx context.Context, e *entry, differs bool) error {
	e.choice.replace, e.choice.rename, e.choice.at, e.choice.backup, e.choice.former = nil, false, "", "", nil
	if e.isTwin() {
		if p.policy != transfer.ConflictRename {
			return p.settle.fail(e, "receiving", errTwin(e))
		}
		return p.renamed(ctx, e, true)
	}
	t := e.item
	found, err := p.site.lookUp(t)
	if err != nil {
		return p.settle.fail(e, "looking up", err)
	}
	d := p.decide(t, found, differs)
	if p.update && d != takeSame && isNewer(found, t) {
		d = takeOlder
	}
	d, err = p.decideConflict(ctx, e, found, d)
	if err != nil {
		return err
	}
	if d == takeReplace && e.unsure() {
		return p.settle.fail(e, "receiving", errUnsure)
	}
	switch d {
	case takeSame:
		return p.same(e, p.site.touches(t, found))
	case takeCompare:
		return p.ask.compare(e, e.name)
	case takeRename:
		return p.renamed(ctx, e, differs)
	case takeReplace:
		if err := p.site.clear(t, found); err != nil {
			return p.settle.fail(e, "making way", err)
		}
		if wait, err := p.nameBackup(e); wait || err != nil {
			if wait {
				e.twinState().differs = differs
			}
			return err
		}
		e.choice.replace = found
		return p.ask.content(ctx, e)
	case takeNew:
		p.seek(ctx, e)
		return p.ask.content(ctx, e)
	}
	return p.leave(e, d)
}

// seek looks for a file that e may be under another name: one that is to be deleted, of e's
// size. If there are several, e is held against one after another.
func (p *planner) seek(ctx context.Context, e *entry) {
	c := &e.choice
	if !c.sought && p.site.Moved != nil && !p.site.dry && e.kind == tree.File && e.item.Size > 0 {
		c.formers = p.site.Moved.Find(ctx, e.item)
	}
	if c.sought = true; len(c.formers) == 0 {
		return
	}
	c.former, c.formers = c.formers[0], c.formers[1:]
}

// alike goes on with a file of more than one chunk that was found the same under another name:
// it is taken from there.
func (p *planner) alike(ctx context.Context, a *attempt) error {
	if _, _, ok := p.ledger.differ(a); !ok {
		return nil
	}
	a.of.choice.answer, a.of.choice.formers = nil, nil
	return p.ask.content(ctx, a.of)
}

func (p *planner) decide(t *tree.Entry, found *tree.Info, differs bool) decision {
	known := p.site.replaceable(found)
	if differs && found != nil {
		return resolve(known, p.policy)
	}
	return decide(t, known, p.policy, p.byDigest, p.site.dry, func(found tree.Info) bool { return p.site.keepsTime(t, found) })
}

// same settles a file whose content was there already, by size and time. touch gives it
// the metadata that the sender has.
func (p *planner) same(e *entry, touch bool) error {
	do := p.site.Maker.Keep
	if touch {
		do = p.site.Maker.Touch
	}
	o, err := do(e.item)
	if err != nil {
		return p.settle.fail(e, "keeping", err)
	}
	p.settle.note(e, o)
	return p.settle.done(e, outcome{status: transfer.StatusSame})
}

// renamed takes a file under another name.
func (p *planner) renamed(ctx context.Context, e *entry, differs bool) error {
	done, err := p.renamedBefore(e, differs)
	if done || err != nil {
		return err
	}
	e.choice.rename = true
	return p.ask.content(ctx, e)
}

// renamedBefore looks for a file that an earlier delivery stored under a name of the form
// `name (1).ext`, and settles e if that file has e's size and time. Not every file system
// keeps the time, so files of equal size are compared by digest. done says that e is
// settled, is being compared, or waits for another entry and is planned again after that.
// Names that other entries have are passed over.
func (p *planner) renamedBefore(e *entry, differs bool) (done bool, err error) {
	probe := *e.item
	for i := e.choice.tried + 1; i <= maxRenames; i++ {
		probe.Name = storage.Alternative(e.name, i)
		taken, wait, err := p.twins.taken(e, probe.Name)
		if wait {
			e.twinState().differs = differs
			return true, nil
		}
		if taken {
			continue
		}
		var found *tree.Info
		if err == nil {
			found, err = p.site.lookUp(&probe)
		}
		if err != nil {
			return true, p.settle.fail(e, "looking up", err)
		}
		if found == nil {
			p.claim(e, probe.Name)
			return false, nil
		}
		if found.Kind != tree.File || found.Size != e.item.Size {
			continue
		}
		p.claim(e, probe.Name)
		if !p.byDigest && p.site.keepsTime(e.item, *found) {
			return true, p.settle.equal(e, e.item, probe.Name, sum{})
		}
		e.choice.tried = i
		return true, p.ask.compare(e, probe.Name)
	}
	return false, nil
}

// claim notes a name that e is to get, or is compared with.
func (p *planner) claim(e *entry, name string) {
	e.choice.at = name
	p.twins.claim(e, name)
}
