package receive

import (
	"errors"
	"fmt"
	"slices"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// meet holds e against the entries that came before it. wait says that one of them
// is to be settled first, and e is planned again then.
func (r *receiver) meet(e *inEntry) (wait bool, err error) {
	t := r.twins
	if t == nil || e.kind == tree.Root {
		return false, nil
	}
	n := t.namesOf(e)
	if !t.keep && t.many(n) {
		if err := t.learn(n, e); err != nil {
			return false, err
		}
	}
	if n.apart == [nameClasses]bool{} || !n.apart[classOf(e.name)] {
		t.note(n, e, e.name)
	}
	if e.twin != nil {
		e.twin.of = ""
	}
	if n.full {
		e.twinState().unsure = true
	}
	if tree.IsShortName(e.name) {
		is, err := t.dst.Borrowed(e.entry)
		if err != nil {
			return false, err
		}
		if is {
			e.twinState().of = "another item"
		}
	}
	for _, c := range t.others(n, e, e.name, false) {
		rel, err := t.relate(n, e, e.name, c)
		switch {
		case err != nil:
			return false, err
		case rel == storage.Apart, rel == storage.Unknown && c.e == nil:
			continue
		case c.e != nil && canWait(e, c.e):
			if !t.follow(n, c.e, c.name, e) {
				return r.meet(e) // it was settled since the disk was looked at
			}
			return true, nil
		case rel == storage.Together:
			e.twinState().of = r.pathBeside(e, c.name)
			return false, nil
		}
	}
	return false, nil
}

// canWait: the children of a folder come next, and somebody may write to two FIFOs
// in turn.
func canWait(e, of *inEntry) bool {
	return e.kind != tree.Folder && e.kind != tree.Stream && of.kind != tree.Stream
}

// pathBeside is the path of name in e's folder.
func (r *receiver) pathBeside(e *inEntry, name string) string { return e.parent.child(name) }

// taken tells whether another entry of this delivery has the name, or is to get it,
// that is looked at for e. As in meet, e waits for earlier entries only: so none
// waits for itself.
func (r *receiver) taken(e *inEntry, name string) (taken, wait bool, err error) {
	t := r.twins
	if t == nil {
		return false, false, nil
	}
	n := t.namesOf(e)
	for _, c := range t.others(n, e, name, true) {
		rel, err := t.relate(n, e, name, c)
		switch {
		case err != nil:
			return false, false, err
		case rel == storage.Apart, rel == storage.Unknown && c.e == nil:
			continue
		case c.e != nil && c.e.id < e.id && canWait(e, c.e):
			if !t.follow(n, c.e, c.name, e) {
				return r.taken(e, name) // as in meet
			}
			return false, true, nil
		}
		return true, false, nil
	}
	return false, false, nil
}

// claim notes a name that e is to get, or is compared with.
func (r *receiver) claim(e *inEntry, name string) {
	e.at = name
	if r.twins == nil {
		return
	}
	r.twins.note(r.twins.namesOf(e), e, name)
	r.twins.mu.Lock()
	defer r.twins.mu.Unlock()
	if s := e.twinState(); !slices.Contains(s.alts, name) {
		s.alts = append(s.alts, name)
	}
}

// retwin has those planned that waited for e, which is settled: it stands under
// name, or with an empty one nowhere.
func (r *receiver) retwin(e *inEntry, name string) {
	if r.twins == nil || e.kind == tree.Root {
		return
	}
	for _, f := range r.twins.settled(e, name) {
		r.plans.Put(planItem{in: f, twin: true})
	}
}

// errTwin is why an item fails that would take the place of another one.
func errTwin(e *inEntry) *transfer.Error {
	return &transfer.Error{Code: framing.CodeConflict, Err: fmt.Errorf(
		"the file system there takes its name for that of %s, which is delivered too; --on-conflict rename gives it another name", e.twin.of)}
}

// errUnsure is why one is not replaced that may have been delivered before.
var errUnsure = &transfer.Error{Code: framing.CodeConflict, Err: errors.New(
	"the file system there may take its name for another one, and its folder has too many to remember: deliver it by itself")}

// planFolder makes a folder, or takes the one that is there. One whose name is that
// of an earlier item for the file system is a conflict.
func (r *receiver) planFolder(e *inEntry) error {
	if e.isTwin() {
		return r.planTwinFolder(e)
	}
	out, err := r.at.Maker.MakeFolder(e.entry)
	if err == nil && r.dry && !out.Same && e.kind == tree.Folder {
		err = r.mayPut(e.entry)
	}
	if err == nil && !out.Same && r.twins != nil && e.kind == tree.Folder {
		if err = r.meetMade(e); err == nil && e.isTwin() {
			if err = r.at.Maker.UnmakeFolder(e.entry); err == nil {
				return r.planTwinFolder(e)
			}
		}
	}
	return r.madeFolder(e, out, err)
}

// meetMade holds a folder, now that it stands, against entries that are on their
// way.
func (r *receiver) meetMade(e *inEntry) error {
	n := r.twins.namesOf(e)
	for _, c := range r.twins.others(n, e, e.name, false) {
		rel, err := r.twins.relate(n, e, e.name, c)
		if err != nil {
			return err
		}
		if rel == storage.Together {
			e.twinState().of = r.pathBeside(e, c.name)
			return nil
		}
	}
	return nil
}

// planTwinFolder gives a folder another name, if that is the policy.
func (r *receiver) planTwinFolder(e *inEntry) error {
	if r.opt.OnConflict != transfer.ConflictRename {
		return r.failUnmade(e, errTwin(e))
	}
	probe := *e.entry
	for i := 1; i <= maxRenames; i++ {
		probe.Name = storage.Alternative(e.name, i)
		taken, wait, err := r.taken(e, probe.Name)
		if err != nil {
			return r.failUnmade(e, failure.Destination("looking up", e.path(), err))
		}
		if taken || wait {
			continue
		}
		found, err := r.lookUp(&probe)
		if err != nil {
			return r.failUnmade(e, failure.Destination("looking up", e.path(), err))
		}
		if found != nil && found.Kind != tree.Folder {
			continue
		}
		r.claim(e, probe.Name)
		e.mu.Lock()
		e.entry = &probe
		e.mu.Unlock()
		out, err := r.at.Maker.MakeFolder(&probe)
		return r.madeFolder(e, out, err)
	}
	return r.failUnmade(e, failure.Destination("finding a free name", e.path(), noFreeName()))
}

// madeFolder opens a folder for what is in it; with an error that fails too. The
// verdict comes when its children are settled.
func (r *receiver) madeFolder(e *inEntry, out storage.Outcome, err error) error {
	r.addFolder(e, out.Same, err)
	if err != nil {
		if e.kind == tree.Folder {
			err = r.refused(e.entry, err)
		}
		return r.fail(e, "making the folder", err)
	}
	r.hear(e, out)
	r.retwin(e, e.entry.Name)
	return nil
}
