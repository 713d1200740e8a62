package receive

import (
	"context"
	"errors"
	"fmt"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// admitSymlink applies the rules for symbolic links. ok is false when it settled
// the entry.
func (r *receiver) admitSymlink(e *inEntry) (ok bool, err error) {
	if err := tree.CheckTarget(e.entry.Target); err != nil {
		return false, r.fail(e, "receiving", &transfer.Error{Code: framing.CodeLink, Err: err})
	}
	switch r.opt.Links {
	case transfer.LinksSkip:
		return false, r.skip(e, framing.CodeLink)
	case transfer.LinksSafe:
		if r.leadsOut(e, tree.TargetClimbs(e.entry.Target)) {
			return false, r.fail(e, "receiving", errLeadsOut())
		}
	}
	return true, nil
}

// leadsOut tells whether --links safe refuses a symbolic link at e's place, whose
// target needs so many folders above it (tree.TargetClimbs). It is asked for each name
// of a link: one that stays in the tree from deep down may leave it from further up.
func (r *receiver) leadsOut(e *inEntry, climbs int) bool {
	depth := 0
	if e.parent != nil {
		depth = e.parent.depth
	}
	return r.opt.Links == transfer.LinksSafe && climbs > depth
}

func errLeadsOut() *transfer.Error {
	return &transfer.Error{Code: framing.CodeLink,
		Err: errors.New("the link leads out of the tree; --follow at the sender sends what it points to, --links all at the receiver keeps the link")}
}

func (r *receiver) planSymlink(ctx context.Context, e *inEntry) error {
	if ok, err := r.admitSymlink(e); err != nil || !ok {
		return err
	}
	return r.planMade(ctx, e, func(found *tree.Info) bool { return found.Kind == tree.Symlink }, r.at.Maker.MakeLink)
}

// planNode makes a device, FIFO or socket.
func (r *receiver) planNode(ctx context.Context, e *inEntry) error {
	return r.planMade(ctx, e, func(found *tree.Info) bool { return found.Special == e.kind }, r.at.Special.MakeNode)
}

// maker makes an item that has no content.
type maker func(e *tree.Entry, replace bool) (storage.Outcome, error)

// planMade decides about an item that has no content, and makes it. Alike tells
// of what stands there whether it can be the same; only make knows.
func (r *receiver) planMade(ctx context.Context, e *inEntry, alike func(found *tree.Info) bool, put maker) error {
	switch {
	case !e.isTwin():
	case r.opt.OnConflict == transfer.ConflictRename:
		return r.renameMade(e, put)
	default:
		return r.fail(e, "receiving", errTwin(e))
	}
	t := e.entry
	found, err := r.lookUp(t)
	if err != nil {
		return r.fail(e, "looking up", err)
	}
	d := takeNew
	known := r.replaceable(found)
	if found != nil && alike(found) && known.Kind != tree.KindOther {
		out, err := put(t, r.opt.OnConflict == transfer.ConflictOverwrite && !e.unsure())
		switch {
		case err == nil:
			return r.made(e, out, transfer.StatusReplaced, "")
		case failure.Destination("", "", err).Code != framing.CodeConflict:
			return r.fail(e, "making", err)
		}
	}
	if found != nil {
		if d, err = r.ask(ctx, e, found, resolve(known, r.opt.OnConflict)); err != nil {
			return err
		}
	}
	if d == takeReplace && e.unsure() {
		return r.fail(e, "receiving", errUnsure)
	}
	switch d {
	case takeNew, takeReplace:
		if err := r.clear(t, found); err != nil {
			return r.fail(e, "making way", err)
		}
		out, err := put(t, d == takeReplace)
		switch {
		case err != nil:
			return r.fail(e, "making", r.refused(t, err))
		case d == takeReplace:
			return r.made(e, out, transfer.StatusReplaced, "")
		}
		return r.made(e, out, transfer.StatusDelivered, "")
	case takeRename:
		return r.renameMade(e, put)
	}
	return r.refuse(e, d)
}

// made settles an item that was made, as status says, or found the same.
func (r *receiver) made(e *inEntry, out storage.Outcome, status transfer.Status, name string) error {
	r.hear(e, out)
	if out.Same {
		return r.settle(e, transfer.StatusSame, "")
	}
	return r.settle(e, status, name)
}

// replaceable is what the plan takes found for. Where special files are
// delivered, one that is in the way is an item like others; where items of another
// kind make way, it and a folder are.
func (r *receiver) replaceable(found *tree.Info) *tree.Info {
	switch {
	case found == nil:
		return nil
	case found.Kind == tree.KindOther && (r.granted.Devices || r.way != nil), found.Kind == tree.Folder && r.way != nil:
	default:
		return found
	}
	like := *found
	like.Kind, like.Size = tree.File, -1
	return &like
}

// clear checks that a folder which is found may make way for t.
func (r *receiver) clear(t *tree.Entry, found *tree.Info) error {
	if found == nil || found.Kind != tree.Folder || r.way == nil {
		return nil
	}
	return r.way.Clear(t)
}

// renameMade makes an item under the first name of the form `name (1)` that is
// free, unless the same item has one of those before it. Names that other entries
// have are passed over.
func (r *receiver) renameMade(e *inEntry, put maker) error {
	renamed := *e.entry
	for i := 1; i <= maxRenames; i++ {
		renamed.Name = storage.Alternative(e.name, i)
		taken, wait, err := r.taken(e, renamed.Name)
		if wait {
			return nil
		}
		if taken {
			continue
		}
		var out storage.Outcome
		if err == nil {
			out, err = put(&renamed, false)
		}
		if err == nil {
			if out.Same {
				e.at = renamed.Name
			}
			return r.made(e, out, transfer.StatusRenamed, renamed.Name)
		}
		if code := failure.Destination("", "", err).Code; code != framing.CodeConflict && code != framing.CodeOtherKind {
			return r.fail(e, "making", err)
		}
	}
	return r.fail(e, "finding a free name", noFreeName())
}

// noFreeName: as many names as are tried are taken.
func noFreeName() error {
	return &transfer.Error{Code: framing.CodeConflict, Err: fmt.Errorf("%d names like it are taken", maxRenames)}
}
