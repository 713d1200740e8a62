package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// Grant is Folder.Grant, of which nothing is seen here: metadata is applied to
// what is found the same, and that is what the answer is then.
func (r *Rehearsal) Grant(tree.Metadata, func(id uint64, lost []tree.Loss)) {}

// MakeNode returns what Folder.MakeNode would, but for a missing privilege.
func (r *Rehearsal) MakeNode(e *tree.Entry, replace bool) (same bool, err error) {
	return r.make("making", e, replace, func(there tree.Info) bool {
		return there.Special == e.Kind && there.Major == e.Major && there.Minor == e.Minor
	})
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
		return false, nil
	case err != nil:
		return false, err
	case same(there):
		return true, nil
	case there.Kind == tree.Folder:
		return false, fail(op, e.Name, fmt.Errorf("a folder has that name: %w", syscall.EISDIR))
	case !replace:
		return false, fail(op, e.Name, fs.ErrExist)
	}
	return false, nil
}

// Remember takes note that e, with Linked, is what stands under name in e's
// folder, and would stay.
func (r *Rehearsal) Remember(e *tree.Entry, name string) error {
	probe := *e
	if name != "" {
		probe.Name = name
	}
	there, err := r.Stat(&probe)
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
