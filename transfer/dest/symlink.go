package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// MakeLink makes the symbolic link e, with its metadata. same says that a link
// with that target is there already; it has e's metadata then too. Anything else
// there is a Conflict, unless replace, or OtherKind if it is a folder, which is
// replaced only after MakeWay.
func (f *Folder) MakeLink(e *tree.Entry, replace bool) (same bool, err error) {
	n, err := f.parent(e)
	if err == nil {
		err = tree.CheckTarget(e.Target)
	}
	if err != nil {
		return false, fail("linking", e.Name, err)
	}
	if m := f.meta; m.Owner || m.Xattrs || m.HardLinks {
		// Whoever may write to the folder could put another item in the place of
		// the new link, which would then get the owner, or be linked to.
		same, err = f.stageLink(n, e, replace)
	} else {
		same, err = f.makeLink(n, e, replace)
	}
	return same, f.fail("linking", e, err)
}

// makeLink makes the link under its own name, with an mtime only.
func (f *Folder) makeLink(n *node, e *tree.Entry, replace bool) (same bool, err error) {
	err = n.dir.Symlink(e.Target, e.Name)
	if !errors.Is(err, syscall.EINVAL) { // by which some say that they have no links
		err = n.named(e.Name, err)
	}
	if errors.Is(err, fs.ErrExist) {
		return f.stageLink(n, e, replace)
	}
	if err != nil {
		return false, err
	}
	if n.vol.followsLinks() {
		f.lose(e.ID, []tree.Loss{{What: tree.AttrTime, Err: errFollows}})
		return false, nil
	}
	// The link is there, and has all that makes it one: what its time meets with is
	// no matter of the link. File servers follow it, or do not find it (ENOENT, ESTALE).
	err = n.dir.SetLinkTime(e.Name, e.MTime, false)
	for _, last := range []bool{false, true} {
		if err == nil && !n.vol.doubts(e) {
			return false, nil
		}
		now, gone := n.dir.Lstat(e.Name)
		switch {
		case gone != nil:
			return false, gone
		case now.Kind != tree.Symlink:
			return false, tree.ErrReplaced
		case err == nil && tree.KeptTime(now.MTime, e.MTime):
			return false, nil
		case err == nil:
			err = tree.ErrIgnored
		}
		if !last {
			err = n.dir.SetLinkTime(e.Name, e.MTime, true)
		}
	}
	if err != nil {
		f.lose(e.ID, []tree.Loss{{What: tree.AttrTime, Err: err}})
	}
	return false, nil
}

// stageLink looks at what is there, and makes the link in the state folder.
func (f *Folder) stageLink(n *node, e *tree.Entry, replace bool) (same bool, err error) {
	info, err := n.dir.Lstat(e.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err == nil {
		if same, err = f.sameLink(n, e, info); same || err != nil {
			return same, err
		}
		if info.Kind == tree.Folder && !f.replacesFolder(info, replace) {
			return false, fmt.Errorf("a folder has that name: %w", syscall.EISDIR)
		}
		if !replace {
			n.fresh.Store(false)
			return false, fs.ErrExist
		}
	}
	return false, f.putLink(n, e, replace)
}

// putLink makes the link in the state folder and moves it to e's name.
func (f *Folder) putLink(n *node, e *tree.Entry, replace bool) error {
	var made tree.Info
	err := f.stage(n, e, replace, func(dir *tree.Dir, temp string) (lost []tree.Loss, err error) {
		if err := dir.Symlink(e.Target, temp); err != nil {
			return nil, err
		}
		made, lost, err = f.applyStaged(n, dir, temp, e)
		return lost, err
	})
	if err == nil {
		f.remember(e, n, e.Name, made)
	}
	return err
}

// sameLink reports whether info, of what has e's name, is of a link to e's
// target, which then gets e's metadata.
func (f *Folder) sameLink(n *node, e *tree.Entry, info tree.Info) (bool, error) {
	if info.Kind != tree.Symlink {
		return false, nil
	}
	// One that cannot be read is not known to be the same.
	if target, err := n.dir.Readlink(e.Name); err != nil || target != e.Target {
		return false, nil
	}
	var err error
	if m := f.meta; m.Owner || m.Xattrs || info.MTime != e.MTime {
		err = f.metadataOnly(n, e, info)
	} else {
		f.remember(e, n, e.Name, info)
	}
	return err == nil, err
}
