package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// MakeNode makes the FIFO, socket or device e. same says that it is there
// already; it has e's metadata then too. Anything else there is a Conflict,
// unless replace, or OtherKind if it is a folder. Permission: devices take a
// privilege; Unsupported: this system has no such items.
func (f *Folder) MakeNode(e *tree.Entry, replace bool) (same bool, err error) {
	n, err := f.parent(e)
	if err != nil {
		return false, fail("making", e.Name, err)
	}
	there, err := n.dir.Lstat(e.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err != nil:
	case there.Special == e.Kind && there.Major == e.Major && there.Minor == e.Minor:
		if err = f.metadataOnly(n, e, there); err == nil {
			return true, nil
		}
	case there.Kind == tree.Folder && !f.replacesFolder(there, replace):
		err = fmt.Errorf("a folder has that name: %w", syscall.EISDIR)
	case !replace:
		n.fresh.Store(false)
		err = fs.ErrExist
	}
	if err == nil {
		err = f.makeNode(n, e, replace)
	}
	return false, f.fail("making", e, err)
}

func (f *Folder) makeNode(n *node, e *tree.Entry, replace bool) error {
	var made tree.Info
	err := f.stage(n, e, replace, func(dir *tree.Dir, temp string) (lost []tree.Loss, err error) {
		if err := dir.Mknod(temp, e); err != nil {
			return nil, mknodError(dir, temp, err)
		}
		made, lost, err = f.applyStaged(n, dir, temp, e)
		return lost, err
	})
	if err == nil {
		f.remember(e, n, e.Name, made)
	}
	return err
}

// mknodError is why a special file is not there, after a call that failed with err.
// exfat-fuse makes a file in its place, and the system then says EIO of it: that is
// no failing disk, which the next item would meet with too.
func mknodError(dir *tree.Dir, temp string, err error) error {
	if !errors.Is(err, syscall.EIO) {
		return err
	}
	if gone := ignoreAbsent(dir.Remove(temp, false)); gone != nil {
		return errors.Join(err, gone)
	}
	return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
}
