package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// MakeFolder is storage.Maker's: it finds the folder that would be taken over.
func (r *Rehearsal) MakeFolder(e *tree.Entry) (out storage.Outcome, err error) {
	d := r.root
	if e.Kind != tree.Root {
		if d, err = r.findFolder(e); err != nil {
			return out, err
		}
	}
	if d != nil {
		out.Same = true
		if !r.guest {
			out.Adjusted, err = r.foresee(d, "", e)
		}
		if err != nil {
			return out, fail("making", e.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, double := r.nodes[e.ID]; double || e.ID == 0 {
		return out, fail("making", e.Name, errDuplicate)
	}
	r.nodes[e.ID] = d
	if d == nil && e.Kind != tree.Root {
		if r.over[e.ID] = r.nodes[e.Parent]; r.over[e.ID] == nil {
			r.over[e.ID] = r.over[e.Parent]
		}
	}
	return out, nil
}

// findFolder returns the folder that has e's name; nil is one that would be made.
func (r *Rehearsal) findFolder(e *tree.Entry) (*tree.Dir, error) {
	info, err := r.Stat(e)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Kind != tree.Folder && r.way.open():
		return nil, r.Clear(e)
	case info.Kind != tree.Folder:
		return nil, fail("making", e.Name, fmt.Errorf("a %v has that name: %w", info.Kind, tree.NotFolder))
	}
	parent, err := r.folder(e.Parent)
	if err != nil {
		return nil, fail("making", e.Name, err)
	}
	return parent.Child(e.Name), nil
}

// FinishFolder is storage.Maker's: it forgets the folder.
func (r *Rehearsal) FinishFolder(e *tree.Entry) (storage.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.nodes[e.ID]
	if d != r.root {
		delete(r.entrances, d)
	}
	delete(r.nodes, e.ID)
	delete(r.over, e.ID)
	return storage.Outcome{Same: d != nil}, nil
}

// UnmakeFolder is storage.Maker's.
func (r *Rehearsal) UnmakeFolder(e *tree.Entry) error {
	_, err := r.FinishFolder(e)
	return err
}

// MakeLink is storage.Maker's.
func (r *Rehearsal) MakeLink(e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	if err := tree.CheckTarget(e.Target); err != nil {
		return out, fail("linking", e.Name, err)
	}
	var unread error
	same, err := r.make("linking", e, replace, func(there tree.Info) bool {
		if there.Kind != tree.Symlink {
			return false
		}
		d, err := r.there(e)
		var target string
		if err == nil {
			target, err = d.Readlink(e.Name)
		}
		unread = err
		return err == nil && target == e.Target
	})
	switch {
	case unread != nil:
		return out, fail("linking", e.Name, unread)
	case same:
		return r.Touch(e)
	}
	return out, err
}

// Keep is storage.Maker's.
func (r *Rehearsal) Keep(e *tree.Entry) (storage.Outcome, error) {
	return storage.Outcome{Same: true}, r.remember(e)
}

// Touch is storage.Maker's: it foresees what would be changed.
func (r *Rehearsal) Touch(e *tree.Entry) (out storage.Outcome, err error) {
	out.Same = true
	d, err := r.there(e)
	if err == nil {
		out.Adjusted, err = r.foresee(d, e.Name, e)
	}
	if err == nil {
		err = r.remember(e)
	}
	return out, fail("touching", e.Name, err)
}

// remember takes note that e, if hard links to it may come, is what stands under its
// name, and would stay.
func (r *Rehearsal) remember(e *tree.Entry) error {
	if !e.Linked {
		return nil
	}
	there, err := r.Stat(e)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.names) < tree.MaxHardLinks {
		r.names[e.ID] = there
	}
	return nil
}

// Forget is storage.Special's.
func (r *Rehearsal) Forget(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.names, id)
}

// MakeNode is storage.Special's, but for a privilege that may be missing.
func (r *Rehearsal) MakeNode(e *tree.Entry, replace bool) (storage.Outcome, error) {
	same, err := r.make("making", e, replace, func(there tree.Info) bool {
		return there.Special == e.Kind && there.Major == e.Major && there.Minor == e.Minor
	})
	if !same || err != nil {
		return storage.Outcome{}, err
	}
	return r.Touch(e)
}

// MakeHardLink is storage.Special's. Two names are one item if they are now and the first
// of them would stay as it is.
func (r *Rehearsal) MakeHardLink(e *tree.Entry, replace bool) (storage.Outcome, error) {
	r.mu.Lock()
	first, known := r.names[e.LinkTo]
	r.mu.Unlock()
	same, err := r.make("linking", e, replace, func(there tree.Info) bool {
		return known && knownInode(there) && there.SameFile(first)
	})
	return storage.Outcome{Same: same}, err
}

// make looks at what stands at e's name. Same says whether that is e.
func (r *Rehearsal) make(op string, e *tree.Entry, replace bool, same func(there tree.Info) bool) (bool, error) {
	there, err := r.Stat(e)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, r.MayPut(e)
	case err != nil:
		return false, err
	case same(there):
		return true, nil
	case there.Kind == tree.Folder && !r.way.replaces(there, replace):
		return false, fail(op, e.Name, fmt.Errorf("a folder has that name: %w", syscall.EISDIR))
	case !replace:
		return false, fail(op, e.Name, fs.ErrExist)
	}
	return false, r.MayPut(e)
}

// foresee tells whether name in d, or d itself if name is empty, which is found
// the same as e, would get other metadata.
func (r *Rehearsal) foresee(d *tree.Dir, name string, e *tree.Entry) (changes bool, err error) {
	now, err := tree.StateOf(d, name, r.granted)
	if err != nil {
		return false, err
	}
	a := tree.Apply{Mode: e.Mode, MTime: e.MTime, Extra: e.Extra, Granted: r.granted, Accounts: r.accounts}
	if in := d; !r.granted.Xattrs && now.Kind != tree.Symlink {
		if name == "" {
			in = d.Parent()
		}
		if in != nil {
			a.Inherit = tree.DefaultACLOf(in)
		}
	}
	then, _ := a.Outcome(&now)
	if now.Kind == tree.Folder {
		then = folderOutcome(&a, &now)
	}
	r.times.settle(&then, &now)
	return !then.SameMetadata(&now), nil
}

// cleared is what would make way in a dry run.
type cleared struct {
	dir  *tree.Dir
	name string
	path string // relative to the destination
}

// Clear is storage.Way's, and takes note for Prune.
func (r *Rehearsal) Clear(e *tree.Entry) error {
	d, err := r.there(e)
	if err == nil {
		err = r.way.clear(d, e.Name)
	}
	if err != nil {
		return fail("making way for", e.Name, err)
	}
	at := path.Join(d.Path(), e.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleared = append(r.cleared, cleared{d, e.Name, at})
	return nil
}
