package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// Grant is Folder.Grant. What would be lost is not foreseen.
func (r *Rehearsal) Grant(m tree.Metadata, _ func(id uint64, lost []tree.Loss)) { r.meta = m }

// OnAdjusted is Folder.OnAdjusted: tell is called for what would be changed.
func (r *Rehearsal) OnAdjusted(tell func(id uint64)) { r.adjusted = tell }

// foresee tells whether name in d, or d itself if name is empty, which is found
// the same as e, would get other metadata.
func (r *Rehearsal) foresee(d *tree.Dir, name string, e *tree.Entry) error {
	now, err := tree.StateOf(d, name, r.meta)
	if err != nil {
		return err
	}
	a := tree.Apply{Mode: e.Mode, MTime: e.MTime, Extra: e.Extra, Granted: r.meta, Accounts: r.accounts}
	if in := d; !r.meta.Xattrs && now.Kind != tree.Symlink {
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
	if r.adjusted != nil && !then.SameMetadata(&now) {
		r.adjusted(e.ID)
	}
	return nil
}

// Touch foresees what Folder.Touch would change, and remembers what it does.
func (r *Rehearsal) Touch(e *tree.Entry) error {
	d, err := r.parent(e)
	if err == nil && d == nil {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = r.foresee(d, e.Name, e)
	}
	if err == nil && e.Linked {
		err = r.Remember(e)
	}
	return fail("touching", e.Name, err)
}

// MakeNode returns what Folder.MakeNode would, but for a missing privilege.
func (r *Rehearsal) MakeNode(e *tree.Entry, replace bool) (same bool, err error) {
	same, err = r.make("making", e, replace, func(there tree.Info) bool {
		return there.Special == e.Kind && there.Major == e.Major && there.Minor == e.Minor
	})
	if same {
		err = r.Touch(e)
	}
	return same && err == nil, err
}

// MakeHardLink returns what Folder.MakeHardLink would. Two names are one item if
// they are now and the first of them would stay as it is.
func (r *Rehearsal) MakeHardLink(e *tree.Entry, replace bool) (same bool, err error) {
	r.mu.Lock()
	first, known := r.names[e.LinkTo]
	r.mu.Unlock()
	return r.make("linking", e, replace, func(there tree.Info) bool {
		return known && knownInode(there) && there.SameFile(first)
	})
}

// make looks at what stands at e's name, of which same says whether it is e.
func (r *Rehearsal) make(op string, e *tree.Entry, replace bool, same func(there tree.Info) bool) (bool, error) {
	there, err := r.Stat(e)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, r.MayPut(e)
	case err != nil:
		return false, err
	case same(there):
		return true, nil
	case there.Kind == tree.Folder && !(r.way != nil && replace):
		return false, fail(op, e.Name, fmt.Errorf("a folder has that name: %w", syscall.EISDIR))
	case !replace:
		return false, fail(op, e.Name, fs.ErrExist)
	}
	return false, r.MayPut(e)
}

// Remember takes note that e, with Linked, is what stands under its name, and would
// stay.
func (r *Rehearsal) Remember(e *tree.Entry) error {
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

// Forget ends what Remember began.
func (r *Rehearsal) Forget(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.names, id)
}
