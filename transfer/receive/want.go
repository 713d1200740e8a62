package receive

import (
	"context"
	"errors"
	"io/fs"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// planFile decides about a file or stream. differs says that the file which
// stands there was compared by digest and is another.
func (r *receiver) planFile(ctx context.Context, e *inEntry, differs bool) error {
	e.at, e.rename = "", false
	if e.isTwin() {
		return r.planTwin(ctx, e)
	}
	t := e.entry
	found, err := r.lookUp(t)
	if err != nil {
		return r.fail(e, "looking up", err)
	}
	var d decision
	if known := r.replaceable(found); differs && found != nil {
		d = resolve(known, r.opt.OnConflict)
	} else {
		d = decide(t, known, r.opt.OnConflict, r.offer.Flags&framing.FlagChecksum != 0, r.dry,
			func(found tree.Info) bool { return r.keepsTime(t, found) })
	}
	if d, err = r.ask(ctx, e, found, d); err != nil {
		return err
	}
	if d == takeReplace && e.unsure() {
		return r.fail(e, "receiving", errUnsure)
	}
	switch d {
	case takeSame:
		return r.same(e, r.granted.Owner || r.granted.Xattrs || found.Mode&0o777 != r.granted.Permissions(t.Mode, found.Mode) ||
			r.granted.HardLinks && found.Nlink > 1) // it is seen to that nothing else changes it
	case takeCompare:
		return r.wantCompare(e, e.name)
	case takeRename:
		return r.planRenamed(ctx, e, differs)
	case takeReplace:
		if err := r.clear(t, found); err != nil {
			return r.fail(e, "making way", err)
		}
		e.expect = found
		return r.wantContent(ctx, e, found)
	case takeNew:
		return r.wantContent(ctx, e, nil)
	}
	return r.refuse(e, d)
}

// planTwin decides about a file whose name is taken by an earlier item of this
// delivery.
func (r *receiver) planTwin(ctx context.Context, e *inEntry) error {
	if r.opt.OnConflict != transfer.ConflictRename {
		return r.fail(e, "receiving", errTwin(e))
	}
	return r.planRenamed(ctx, e, true)
}

// planRenamed takes a file under another name.
func (r *receiver) planRenamed(ctx context.Context, e *inEntry, differs bool) error {
	done, err := r.renamedBefore(e, differs)
	if done || err != nil {
		return err
	}
	e.rename = true
	return r.wantContent(ctx, e, nil)
}

// ask has the user decide, where that was asked for.
func (r *receiver) ask(ctx context.Context, e *inEntry, found *tree.Info, d decision) (decision, error) {
	if d != takeAsk {
		return d, nil
	}
	if err := r.sendWants(); err != nil {
		return d, err
	}
	policy := transfer.ConflictFail
	if r.opt.Resolve != nil {
		was := r.track.Be(framing.StateUser)
		defer r.track.Be(was)
		var err error
		if policy, err = r.opt.Resolve(ctx, transfer.Conflict{Path: e.path(), Offered: *e.entry, Existing: *found}); err != nil {
			return d, err
		}
		if policy == transfer.ConflictAsk {
			policy = transfer.ConflictFail
		}
	}
	return resolve(found, policy), nil
}

// refuse settles an entry that is not taken.
func (r *receiver) refuse(e *inEntry, d decision) error {
	switch d {
	case takeSkip:
		return r.skip(e, framing.CodeConflict)
	case takeWrongKind:
		return r.fail(e, "receiving", &transfer.Error{Code: framing.CodeOtherKind, Err: errors.New("what is neither a file nor a link is never replaced")})
	}
	return r.fail(e, "receiving", &transfer.Error{Code: framing.CodeConflict,
		Err: errors.New("--on-conflict says what to do with it")})
}

// lookUp is Stat with nil for nothing.
func (r *receiver) lookUp(t *tree.Entry) (*tree.Info, error) {
	info, err := r.at.Finder.Stat(t)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &info, nil
}

// unchanged tells whether now, of what stands at t's name, is what before was.
func (r *receiver) unchanged(t *tree.Entry, now, before tree.Info) bool {
	return r.at.Finder.Unchanged(t, now, before)
}

// keepsTime tells whether found has t's mtime, or what the destination keeps of it.
func (r *receiver) keepsTime(t *tree.Entry, found tree.Info) bool {
	return found.MTime == t.MTime || r.at.Finder.KeepsTime(t, found)
}

// renamedBefore settles a file that an earlier delivery stored under a name of
// the form `name (1).ext`: one of equal size and time, or one with its digest, since
// not every file system keeps the time. done says that it did, or will, or that
// the entry is planned again, once another one is settled. Names that other entries
// have are passed over.
func (r *receiver) renamedBefore(e *inEntry, differs bool) (done bool, err error) {
	probe := *e.entry
	byDigest := r.offer.Flags&framing.FlagChecksum != 0
	for i := e.renames + 1; i <= maxRenames; i++ {
		probe.Name = storage.Alternative(e.name, i)
		taken, wait, err := r.taken(e, probe.Name)
		if wait {
			e.twinState().differs = differs
			return true, nil
		}
		if taken {
			continue
		}
		var found *tree.Info
		if err == nil {
			found, err = r.lookUp(&probe)
		}
		if err != nil {
			return true, r.fail(e, "looking up", err)
		}
		if found == nil {
			r.claim(e, probe.Name)
			return false, nil
		}
		if found.Kind != tree.File || found.Size != e.entry.Size {
			continue
		}
		r.claim(e, probe.Name)
		if !byDigest && r.keepsTime(e.entry, *found) {
			return true, r.equal(e, probe.Name)
		}
		e.renames = i
		return true, r.wantCompare(e, probe.Name)
	}
	return false, nil
}

// wantContent asks for the content of an entry, less what is here already.
func (r *receiver) wantContent(ctx context.Context, e *inEntry, old *tree.Info) error {
	if r.dry {
		if err := r.mayPut(e.entry); err != nil {
			return r.fail(e, "receiving", err)
		}
		return r.rehearse(e)
	}
	t := e.entry
	if err := r.mayPut(t); err != nil && (old == nil || !errors.Is(err, tree.ErrName)) {
		return r.fail(e, "receiving", err)
	}
	r.track.Enter(transfer.PhaseTransfer)
	if t.Kind == tree.File && t.Size <= checksum.ChunkSize {
		if err := r.reserve(e, e.stored()); err != nil {
			return err
		}
		e.mu.Lock()
		e.asked, e.packed = true, true
		e.chunks = checksum.NewTree(t.Size)
		e.mu.Unlock()
		return r.want(&framing.Want{ID: t.ID, Attempt: e.attempt, Kind: framing.WantAll})
	}
	if !e.large && !r.large.Try(1) {
		// Not to be waited for here: what frees one may be for plan to handle.
		r.parked = append(r.parked, parkedWant{e, old})
		return nil
	}
	e.large = true
	return r.wantLarge(ctx, e, old)
}

// mayPut asks the destination whether it takes t, where that is cheap to know.
func (r *receiver) mayPut(t *tree.Entry) error {
	return r.at.Finder.MayPut(t)
}

// refused is why t could not be made: the cause is the folder that it is in, if that
// takes nothing. In a dry run err says that already.
func (r *receiver) refused(t *tree.Entry, err error) error {
	if r.dry || failure.Destination("", "", err).Code != framing.CodePermission {
		return err
	}
	if why := r.mayPut(t); why != nil {
		return why
	}
	return err
}

// parkedWant is a large file that waits for others to be done with.
type parkedWant struct {
	entry *inEntry
	old   *tree.Info // to be replaced by it
}

// unpark goes on with the files that wait, as far as there is room.
func (r *receiver) unpark(ctx context.Context) error {
	for len(r.parked) > 0 {
		w := r.parked[0]
		if r.isOpen(w.entry) {
			if !r.large.Try(1) {
				return nil
			}
			w.entry.large = true
			if err := r.wantLarge(ctx, w.entry, w.old); err != nil {
				return err
			}
		}
		r.parked = r.parked[1:]
	}
	return nil
}

// wantLarge begins a file of more than one chunk and asks for what is missing.
func (r *receiver) wantLarge(ctx context.Context, e *inEntry, old *tree.Info) error {
	t := e.entry
	if t.Kind == tree.Stream && !e.sourced {
		e.sourced = true
		if err := r.sourceAsked(); err != nil {
			return err
		}
	}
	p, err := r.at.Files.Begin(t, e.holes > 0)
	if err != nil {
		return r.fail(e, "beginning", err)
	}
	claims := t.Kind == tree.File && hasClaims(ctx, p)
	replaces := t.Kind == tree.File && old != nil && old.Kind == tree.File
	// What an interrupted delivery left takes no space again, and what may be the same
	// or is shared none at all.
	need, shared := e.stored()-p.Allocated(), replaces && p.Shares()
	switch {
	case !replaces:
	case shared:
		need = min(need, t.Size-old.Size)
	case !claims && lends(t, old):
		need = 0
	}
	if err := r.reserve(e, need); err != nil {
		return errors.Join(err, p.Discard(true))
	}
	e.mu.Lock()
	e.partial, e.asked, e.packed = p, true, false
	e.chunks = checksum.NewTree(t.Size)
	e.mu.Unlock()
	r.track.Tell(transfer.ItemStarted{Path: e.path(), Size: t.Size})
	if claims || replaces {
		e.mu.Lock()
		e.pages, e.old = make(map[uint64]*claimPage), replaces
		if e.lent = nil; lends(t, old) {
			// What is shared costs nothing to take over at once.
			e.lent = &lent{differs: claims || shared, filled: claims || shared}
		}
		e.mu.Unlock()
		r.bases.Put(e)
		return nil
	}
	return r.want(&framing.Want{ID: t.ID, Attempt: e.attempt, Kind: framing.WantAll})
}

// wantCompare has both sides hash the file, and this side the one under name.
// The sender does it once: of a second comparison its digest is known.
func (r *receiver) wantCompare(e *inEntry, name string) error {
	e.mu.Lock()
	e.asked, e.compare, e.end = true, &comparison{name: name}, e.checked
	first := e.checked == nil
	e.mu.Unlock()
	r.bases.Put(e)
	if !first {
		return nil
	}
	return r.want(&framing.Want{ID: e.id, Attempt: e.attempt, Kind: framing.WantCheck})
}

// hasClaims tells whether an interrupted delivery left something.
func hasClaims(ctx context.Context, p storage.Partial) bool {
	for range p.Present(ctx) {
		return true
	}
	return false
}

// reserve looks whether there is space for n bytes of an entry. The look is repeated when
// as much was asked for as was free, and each spaceStep.
func (r *receiver) reserve(e *inEntry, n int64) error {
	if n <= 0 {
		return nil
	}
	if r.budget >= n {
		r.budget -= n
		r.owe(e, n)
		return nil
	}
	free, err := r.at.Finder.Free()
	if err != nil {
		return failure.DestinationEnds("looking for space", r.place(), err)
	}
	free = max(free-r.due.Load(), 0)
	if free < n {
		return &transfer.Error{Op: "receiving", Code: framing.CodeNoSpace, Path: e.path(),
			Err: &transfer.SpaceError{Need: n, Free: free, Place: r.place()}}
	}
	r.owe(e, n)
	r.budget = min(free-n, spaceStep)
	return nil
}

// owe notes that an entry will need n bytes.
func (r *receiver) owe(e *inEntry, n int64) {
	e.mu.Lock()
	e.owes += n
	e.mu.Unlock()
	r.due.Add(n)
}

// want queues a WANT record; it leaves with others, or when plan has nothing to do.
func (r *receiver) want(w *framing.Want) error {
	r.wants = w.Append(r.wants)
	if len(r.wants) < wantBatch {
		return nil
	}
	return r.sendWants()
}

func (r *receiver) sendWants() error {
	if len(r.wants) == 0 {
		return nil
	}
	r.asking.Store(true)
	err := r.link.Stream(0).Send(true, framing.TypeWant, r.wants)
	r.wants = r.wants[:0]
	return failure.Link("asking for content", err)
}
