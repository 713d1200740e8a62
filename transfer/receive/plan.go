package receive

import (
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// planItem is something for plan to handle, in the order in which it came. One
// field but in says what; with none, there is room for a parked file.
type planItem struct {
	in        *inEntry // a new entry, if nothing else is set
	folderEnd uint64
	linkable  bool // what the hard link in is to is settled
	changed   *framing.Changed
	fault     *framing.Fault
	again     *framing.Want // for a chunk that was claimed and is not there
	room      bool          // space for it is needed after all
	differs   bool          // an existing file was compared and is not the same
	twin      bool          // what in waited for is settled; see twins
}

// plan decides about entries one after another, and asks for what is missing.
func (r *receiver) plan(ctx context.Context) error {
	for {
		it, ok, _ := r.plans.Try()
		if !ok {
			if err := r.unpark(ctx); err != nil {
				return err
			}
			// Nothing waits: neither do the wants and verdicts gathered so far.
			if err := r.sendWants(); err != nil {
				return err
			}
			if err := r.sendVerdicts(); err != nil {
				return err
			}
			var err error
			if it, ok, err = r.plans.Take(ctx); err != nil || !ok {
				return err
			}
		}
		err := r.unpark(ctx)
		if err != nil {
			return err
		}
		done := r.track.AtDisk()
		switch {
		case it == planItem{}:
		case it.in != nil && (it.changed != nil || it.fault != nil || it.again != nil || it.differs || it.room || it.linkable || it.twin) && !r.isOpen(it.in):
			// It was settled meanwhile: nothing is left to say of it.
		case it.folderEnd != 0:
			err = r.endFolder(it.folderEnd)
		case it.changed != nil:
			err = r.planChanged(ctx, it.in, it.changed)
		case it.again != nil:
			err = r.want(it.again)
		case it.fault != nil:
			err = r.planFault(it.in, it.fault)
		case it.linkable:
			err = r.planHardLink(ctx, it.in)
		case it.room:
			err = r.makeRoom(it.in)
		case it.differs:
			err = r.planDiffering(ctx, it.in)
		case it.twin:
			err = r.planMet(ctx, it.in)
		default:
			err = r.planEntry(ctx, it.in)
		}
		done()
		if err != nil {
			return err
		}
	}
}

// planEntry checks an announced entry and plans it by its kind.
func (r *receiver) planEntry(ctx context.Context, e *inEntry) error {
	if ok, err := r.admit(e); err != nil || !ok {
		return err
	}
	return r.planMet(ctx, e)
}

// planMet plans an entry that was admitted, once those before it let it.
func (r *receiver) planMet(ctx context.Context, e *inEntry) error {
	if wait, err := r.meet(e); err != nil {
		return r.failUnmade(e, failure.Destination("looking up", e.path(), err))
	} else if wait {
		return nil
	}
	switch t := e.entry; t.Kind {
	case tree.Folder, tree.Root:
		return r.planFolder(e)
	case tree.Symlink:
		return r.planSymlink(ctx, e)
	case tree.HardLink:
		return r.planHardLink(ctx, e)
	case tree.FIFO, tree.CharDevice, tree.BlockDevice, tree.Socket:
		return r.planNode(ctx, e)
	default:
		return r.planFile(ctx, e, e.twin != nil && e.twin.differs)
	}
}

// admit checks an announced entry by the rules that hold for every destination:
// it refuses names, never repairs them. ok is false when it failed the entry.
func (r *receiver) admit(e *inEntry) (ok bool, err error) {
	t := e.entry
	r.narrow(t)
	if t.Kind == tree.Root {
		return true, r.bound.item(t, t.Kind)
	}
	if err := r.admitLinked(e); err != nil {
		return false, err
	}
	kind := t.Kind
	if e.target != nil {
		kind = e.target.kind
	}
	if err := r.bound.item(t, kind); err != nil {
		return false, err
	}
	r.mu.Lock()
	parent := r.folders[t.Parent]
	known := t.Parent == 0 || parent != nil && !parent.ended
	if parent != nil && known {
		parent.pending++
		e.parent = parent
	}
	r.mu.Unlock()
	switch t.Kind {
	case tree.Folder, tree.Symlink, tree.File, tree.Stream, tree.HardLink:
	case tree.FIFO, tree.CharDevice, tree.BlockDevice, tree.Socket:
		if !r.granted.Devices {
			return false, failure.Violation("entry %d is a %v, which was not granted", t.ID, t.Kind)
		}
	default:
		return false, failure.Violation("entry %d is a %v, which was not agreed on", t.ID, t.Kind)
	}
	if !known {
		return false, failure.Violation("entry %d is in folder %d, which is not open", t.ID, t.Parent)
	}
	if parent != nil && parent.failed {
		return false, r.failUnmade(e, &transfer.Error{Code: framing.CodeCancelled, Err: errors.New("the folder that it is in was not made")})
	}
	err = tree.CheckName(t.Name)
	if err == nil && parent != nil && (parent.length+1+len(t.Name) > tree.MaxPath || parent.depth >= tree.MaxDepth) {
		err = tree.ErrTooDeep
	}
	if err != nil {
		return false, r.failUnmade(e, &transfer.Error{Code: framing.CodeName, Err: err})
	}
	return true, nil
}

// failUnmade fails an entry before anything was made of it. The children of a
// folder that is not made fail too.
func (r *receiver) failUnmade(e *inEntry, cause *transfer.Error) error {
	if e.entry.Kind == tree.Folder {
		r.addFolder(e, false, cause)
	}
	return r.fail(e, "receiving", cause)
}

// addFolder opens a folder for children, or, with an error, for failing them.
func (r *receiver) addFolder(e *inEntry, existed bool, err error) {
	f := &inFolder{entry: e.entry, parent: e.parent, root: e.kind == tree.Root, existed: existed, failed: err != nil}
	if f.failed { // kept until it ends, and in flight no more
		bare := *e.entry
		bare.Extra = nil
		f.entry = &bare
	}
	if !f.root {
		f.depth, f.length = 1, len(e.entry.Name)
	}
	if e.parent != nil {
		f.depth, f.length = e.parent.depth+1, e.parent.length+1+len(e.entry.Name)
	}
	r.mu.Lock()
	r.folders[e.entry.ID] = f
	r.mu.Unlock()
}

// endFolder handles FOLDER-END: the last child was announced.
func (r *receiver) endFolder(id uint64) error {
	r.mu.Lock()
	f := r.folders[id]
	if f == nil || f.ended {
		r.mu.Unlock()
		return failure.Violation("the end of folder %d, which is not open", id)
	}
	f.ended = true
	idle := f.pending == 0
	r.mu.Unlock()
	if idle {
		return r.finishFolder(f)
	}
	return nil
}

// planChanged begins a new attempt at a file of which the sender says that it
// is another one now. What came of it so far serves as basis.
func (r *receiver) planChanged(ctx context.Context, e *inEntry, c *framing.Changed) error {
	e.mu.Lock()
	e.said--
	if !e.asked || e.entry.Kind != tree.File || c.Attempt <= e.attempt || e.sealed {
		e.mu.Unlock()
		return failure.Violation("CHANGED for entry %d", c.ID)
	}
	e.mu.Unlock()
	if err := r.bound.resize(e.most, int64(c.Size)); err != nil {
		return err
	}
	e.most = max(e.most, int64(c.Size))
	if err := r.putAside(e, c); err != nil {
		return r.fail(e, "putting aside", err)
	}
	return r.planFile(ctx, e, false)
}

// putAside makes an entry what the sender says that it is now, and keeps what
// came of it so far for comparing.
func (r *receiver) putAside(e *inEntry, c *framing.Changed) error {
	e.io.Lock()
	defer e.io.Unlock()
	e.mu.Lock()
	before := e.entry.Size
	t := *e.entry
	t.Size, t.Mode, t.MTime = int64(c.Size), c.Mode, tree.Time{Sec: c.Sec, Nsec: c.Nsec}
	r.narrow(&t)
	old := e.partial
	e.entry, e.attempt, e.partial = &t, c.Attempt, nil
	e.end, e.chunks, e.got, e.tries, e.compare, e.checked = nil, nil, 0, nil, nil, nil
	gone, owes := len(e.pages), e.owes
	e.pages, e.old, e.lent, e.owes = nil, false, nil, 0
	e.mu.Unlock()
	r.pages.Give(int64(gone))
	r.due.Add(-owes)
	r.track.Resized(t.Size - before)
	if old == nil {
		return nil
	}
	return old.Discard(true)
}

// planFault settles an entry that the sender gave up.
func (r *receiver) planFault(e *inEntry, f *framing.Fault) error {
	e.mu.Lock()
	e.said--
	sealed := e.sealed
	e.sealed = true // what still comes of it changes nothing
	e.mu.Unlock()
	if sealed {
		return nil
	}
	err := failure.Remote("receiving", f.Code, f.Message)
	return r.fail(e, "receiving", err)
}

// planDiffering goes on with a file that was compared and is not the same.
func (r *receiver) planDiffering(ctx context.Context, e *inEntry) error {
	e.mu.Lock()
	e.checked = e.end
	e.end, e.compare = nil, nil
	e.mu.Unlock()
	return r.planFile(ctx, e, true)
}
