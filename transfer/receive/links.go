package receive

import (
	"context"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// linkTarget is an entry with Linked, until it and all hard links to it are
// settled. A link waits for its target, and a target for nothing, so that links
// that fill the window stop nobody. framing.MaxOpenLinks bounds the targets, and
// the window what waits.
type linkTarget struct {
	settled bool
	failed  *transfer.Error // why it was not delivered
	skipped framing.Code    // why it was left alone
	kind    tree.Kind
	climbs  int        // of a symbolic link: see leadsOut
	last    bool       // no more links to it will be announced
	pending int        // links admitted and not settled
	waiting []*inEntry // those of them that wait for the verdict on it
	place   tarLink    // in an archive
}

// admitLinked notes an entry that hard links may come to, or finds the one that
// a hard link is to. Plan calls it once for each entry, before anything settles it.
func (r *receiver) admitLinked(e *inEntry) error {
	t := e.entry
	if (t.Linked || t.Kind == tree.HardLink) && !r.granted.HardLinks {
		return failure.Violation("hard links, which were not granted, with entry %d", t.ID)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.Kind != tree.HardLink {
		if !t.Linked {
			return nil
		}
		if r.openLinks++; r.openLinks > framing.MaxOpenLinks {
			return failure.Violation("more than %d items with several names", framing.MaxOpenLinks)
		}
		e.linked = &linkTarget{kind: t.Kind, climbs: tree.TargetClimbs(t.Target)}
		r.links[t.ID] = e.linked
		return nil
	}
	to := r.links[t.LinkTo]
	if to == nil || to.last {
		return failure.Violation("entry %d is a hard link to entry %d, to which none was to come", t.ID, t.LinkTo)
	}
	e.target = to
	to.pending++
	if !t.Linked {
		to.last = true
		r.openLinks--
	}
	return nil
}

// linksTo lets the hard links go on that wait for e, on which the verdict was
// given. Failed is why it was not delivered; nil if it stands there.
func (r *receiver) linksTo(e *inEntry, failed *transfer.Error) {
	to := e.linked
	if to == nil {
		return
	}
	r.mu.Lock()
	to.settled, to.failed, to.skipped = true, failed, e.skipped
	ready := to.waiting
	to.waiting = nil
	over := r.retireTarget(e.id, to)
	r.mu.Unlock()
	if over {
		r.forgetTarget(e.id)
	}
	for _, l := range ready {
		r.plans.Put(planItem{in: l, linkable: true})
	}
}

// linkDone ends what a hard link, which is settled now, needed of its target.
func (r *receiver) linkDone(e *inEntry) {
	if e.target == nil {
		return
	}
	id := e.entry.LinkTo
	r.mu.Lock()
	e.target.pending--
	over := r.retireTarget(id, e.target)
	r.mu.Unlock()
	if over {
		r.forgetTarget(id)
	}
}

// retireTarget drops a target that nothing refers to any more. Callers hold mu.
func (r *receiver) retireTarget(id uint64, to *linkTarget) bool {
	over := to.settled && to.last && to.pending == 0
	if over {
		delete(r.links, id)
	}
	return over
}

func (r *receiver) forgetTarget(id uint64) {
	if r.at != nil && r.at.Special != nil {
		r.at.Special.Forget(id)
	}
}

// refuseLink settles a hard link to what was not delivered. It tells whether it did.
func (r *receiver) refuseLink(e *inEntry) (done bool, err error) {
	r.mu.Lock()
	failed, skipped := e.target.failed, e.target.skipped
	r.mu.Unlock()
	switch {
	case failed != nil:
		return true, r.fail(e, "linking", &transfer.Error{Code: failed.Code, Remote: failed.Remote, Err: failure.ErrTarget})
	case skipped != framing.CodeNone:
		return true, r.skip(e, skipped) // what has that name is another item, or none
	case e.target.kind == tree.Symlink && r.leadsOut(e, e.target.climbs):
		return true, r.fail(e, "linking", errLeadsOut())
	}
	return false, nil
}

// planHardLink makes a hard link, or has it wait for what it is to.
func (r *receiver) planHardLink(ctx context.Context, e *inEntry) error {
	r.mu.Lock()
	wait := !e.target.settled
	if wait {
		e.target.waiting = append(e.target.waiting, e)
	}
	r.mu.Unlock()
	if wait {
		return nil
	}
	if done, err := r.refuseLink(e); done {
		return err
	}
	return r.planMade(ctx, e, func(found *tree.Info) bool { return found.Kind != tree.Folder },
		func(t *tree.Entry, replace bool) (storage.Outcome, error) {
			// The destination forgets the target when this side says so: the link
			// may take a second try.
			more := *t
			more.Linked = true
			return r.at.Special.MakeHardLink(&more, replace)
		})
}
