package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// MakeLink makes the symbolic link e, with its mtime. same says that a link with
// that target is there already. Anything else there is a Conflict, unless
// replace, or OtherKind if it is a folder, which is never replaced.
func (f *Folder) MakeLink(e *tree.Entry, replace bool) (same bool, err error) {
	n, err := f.parent(e)
	if err == nil {
		err = tree.CheckTarget(e.Target)
	}
	if err != nil {
		return false, fail("linking", e.Name, err)
	}
	err = n.dir.Symlink(e.Target, e.Name)
	switch {
	case err == nil:
		err = n.dir.SetLinkTime(e.Name, e.MTime)
	case errors.Is(err, fs.ErrExist):
		same, err = n.relink(e, replace)
	}
	return same, f.fail("linking", e, err)
}

func (n *node) relink(e *tree.Entry, replace bool) (same bool, err error) {
	info, err := n.dir.Lstat(e.Name)
	if err != nil {
		return false, err
	}
	if info.Kind == tree.Symlink {
		target, err := n.dir.Readlink(e.Name)
		if err != nil {
			return false, err
		}
		if target == e.Target {
			if info.MTime != e.MTime {
				err = n.dir.SetLinkTime(e.Name, e.MTime)
			}
			return err == nil, err
		}
	}
	if info.Kind == tree.Folder {
		return false, fmt.Errorf("a folder has that name: %w", syscall.EISDIR)
	}
	if !replace {
		n.fresh.Store(false)
		return false, fs.ErrExist
	}
	temp := tempName()
	return false, n.vol.inState(func(dir *tree.Dir) error {
		if err := dir.Symlink(e.Target, temp); err != nil {
			return err
		}
		err := dir.SetLinkTime(temp, e.MTime)
		if err == nil {
			err = dir.Rename(temp, n.dir, e.Name, true)
		}
		if err != nil {
			err = errors.Join(err, dir.Remove(temp, false))
		}
		return err
	})
}
