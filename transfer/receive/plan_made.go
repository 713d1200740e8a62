package receive

import (
	"context"
	"fmt"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maker makes an item that has no content.
type maker func(e *tree.Entry, replace bool) (storage.Outcome, error)

// symlink makes a symbolic link.
func (p *planner) symlink(ctx context.Context, e *entry) error {
	skip, refusal := p.gate.symlink(e)
	switch {
	case skip:
		return p.settle.done(e, skipped(framing.CodeLink))
	case refusal != nil:
		return p.settle.fail(e, "receiving", refusal)
	}
	return p.made(ctx, e, func(found *tree.Info) bool { return found.Kind == tree.Symlink }, p.site.Maker.MakeLink)
}

// node makes a device, FIFO or socket.
func (p *planner) node(ctx context.Context, e *entry) error {
	return p.made(ctx, e, func(found *tree.Info) bool { return found.Special == e.kind }, p.site.Special.MakeNode)
}

// hardLink makes a hard link, or has it wait for what it is to.
func (p *planner) hardLink(ctx context.Context, e *entry) error {
	if p.links.waits(e) {
		return nil
	}
	skip, refusal := p.gate.hardLink(e)
	switch {
	case skip != framing.CodeNone:
		return p.settle.done(e, skipped(skip))
	case refusal != nil:
		return p.settle.fail(e, "linking", refusal)
	}
	return p.made(ctx, e, func(found *tree.Info) bool { return found.Kind != tree.Folder },
		func(t *tree.Entry, replace bool) (storage.Outcome, error) {
			// The destination forgets the target when this side says so: the link
			// may take a second try.
			more := *t
			more.Linked = true
			return p.site.Special.MakeHardLink(&more, replace)
		})
}

// made decides about an item that has no content, and makes it. Alike tells
// of what stands there whether it can be the same; only put knows.
func (p *planner) made(ctx context.Context, e *entry, alike func(found *tree.Info) bool, put maker) error {
	switch {
	case !e.isTwin():
	case p.policy == transfer.ConflictRename:
		return p.renamedMade(e, put)
	default:
		return p.settle.fail(e, "receiving", errTwin(e))
	}
	t := e.item
	found, err := p.site.lookUp(t)
	if err != nil {
		return p.settle.fail(e, "looking up", err)
	}
	d := takeNew
	known := p.site.replaceable(found)
	if found != nil && alike(found) && known.Kind != tree.KindOther {
		o, err := put(t, p.policy == transfer.ConflictOverwrite && !e.unsure() && p.backup == nil)
		switch {
		case err == nil:
			return p.settleMade(e, o, transfer.StatusReplaced, "")
		case codeOf(err) != framing.CodeConflict:
			return p.settle.fail(e, "making", err)
		}
	}
	if found != nil {
		if d, err = p.decideConflict(ctx, e, found, resolve(known, p.policy)); err != nil {
			return err
		}
	}
	if d == takeReplace && e.unsure() {
		return p.settle.fail(e, "receiving", errUnsure)
	}
	switch d {
	case takeNew, takeReplace:
		if err := p.site.clear(t, found); err != nil {
			return p.settle.fail(e, "making way", err)
		}
		if d == takeReplace {
			if wait, err := p.nameBackup(e); wait || err != nil {
				return err
			}
			if err := keepBackup(p.site, p.track, p.backup, e); err != nil {
				return p.settle.fail(e, "keeping a backup", err)
			}
		}
		o, err := put(t, d == takeReplace)
		if err != nil {
			return p.settle.fail(e, "making", p.site.refused(t, err))
		}
		if d == takeReplace {
			return p.settleMade(e, o, transfer.StatusReplaced, "")
		}
		return p.settleMade(e, o, transfer.StatusDelivered, "")
	case takeRename:
		return p.renamedMade(e, put)
	}
	return p.leave(e, d)
}

// settleMade settles an item that was made, or was there: under name, if that is not its
// own.
func (p *planner) settleMade(e *entry, o storage.Outcome, made transfer.Status, name string) error {
	p.settle.note(e, o)
	if o.Same {
		return p.settle.done(e, outcome{status: transfer.StatusSame, at: name})
	}
	return p.settle.done(e, outcome{status: made, name: name})
}

// renamedMade makes an item under the first name of the form `name (1)` that is
// free, unless the same item has one of those before it. Names that other entries
// have are passed over.
func (p *planner) renamedMade(e *entry, put maker) error {
	probe := *e.item
	for i := 1; i <= maxRenames; i++ {
		probe.Name = storage.Alternative(e.name, i)
		taken, wait, err := p.twins.taken(e, probe.Name)
		if wait {
			return nil
		}
		if taken {
			continue
		}
		var o storage.Outcome
		if err == nil {
			o, err = put(&probe, false)
		}
		if err == nil {
			return p.settleMade(e, o, transfer.StatusRenamed, probe.Name)
		}
		if code := codeOf(err); code != framing.CodeConflict && code != framing.CodeOtherKind {
			return p.settle.fail(e, "making", err)
		}
	}
	return p.settle.fail(e, "finding a free name", noFreeName())
}

// codeOf is the cause of a failure of the destination.
func codeOf(err error) framing.Code { return failure.Destination("", "", err).Code }

// noFreeName: as many names as are tried are taken.
func noFreeName() error {
	return &transfer.Error{Code: framing.CodeConflict, Err: fmt.Errorf("%d names like it are taken", maxRenames)}
}

// folder makes a folder, or takes the one that is there. One whose name is that
// of an earlier item for the file system is a conflict.
func (p *planner) folder(e *entry) error {
	if e.isTwin() {
		return p.twinFolder(e)
	}
	o, err := p.site.Maker.MakeFolder(e.item)
	if err == nil && !o.Same && e.kind == tree.Folder {
		if p.site.dry {
			err = p.site.Finder.MayPut(e.item)
		}
		if err == nil {
			err = p.twins.meetMade(e)
		}
		if err == nil && e.isTwin() {
			if err = p.site.Maker.UnmakeFolder(e.item); err == nil {
				return p.twinFolder(e)
			}
		}
	}
	return p.madeFolder(e, o, err)
}

// twinFolder gives a folder another name, if that is the policy.
func (p *planner) twinFolder(e *entry) error {
	if p.policy != transfer.ConflictRename {
		return p.settle.refuse(e, errTwin(e))
	}
	probe := *e.item
	for i := 1; i <= maxRenames; i++ {
		probe.Name = storage.Alternative(e.name, i)
		taken, wait, err := p.twins.taken(e, probe.Name)
		if err != nil {
			return p.settle.refuse(e, failure.Destination("looking up", e.path(), err))
		}
		if taken || wait {
			continue
		}
		found, err := p.site.lookUp(&probe)
		if err != nil {
			return p.settle.refuse(e, failure.Destination("looking up", e.path(), err))
		}
		if found != nil && found.Kind != tree.Folder {
			continue
		}
		p.claim(e, probe.Name)
		p.ledger.rename(e, &probe)
		o, err := p.site.Maker.MakeFolder(&probe)
		return p.madeFolder(e, o, err)
	}
	return p.settle.refuse(e, failure.Destination("finding a free name", e.path(), noFreeName()))
}

// madeFolder opens a folder for what is in it; with an error that fails too. The
// verdict comes when its children are settled.
func (p *planner) madeFolder(e *entry, o storage.Outcome, err error) error {
	p.ledger.openFolder(newFolder(e, o.Same, err != nil))
	if err != nil {
		if e.kind == tree.Folder {
			err = p.site.refused(e.item, err)
		}
		return p.settle.fail(e, "making the folder", err)
	}
	p.deletion.came(e)
	p.settle.note(e, o)
	p.settle.stands(e, e.item.Name)
	return p.settle.tellName(e)
}
