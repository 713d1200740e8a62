package dest

import (
	"errors"
	"io/fs"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// MakeLink is storage.Maker's.
func (m *itemMaker) MakeLink(e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	n, err := m.nodes.parent(e)
	if err == nil {
		err = tree.CheckTarget(e.Target)
	}
	if err != nil {
		return out, fail("linking", e.Name, err)
	}
	if g := m.dress.granted; g.Owner || g.Xattrs || g.HardLinks {
		// Whoever may write to the folder could put another item in the place of
		// the new link, which would then get the owner, or be linked to.
		out, err = m.stageLink(n, e, replace)
	} else {
		out, err = m.makeLink(n, e, replace)
	}
	return out, m.nodes.fail("linking", e, err)
}

// makeLink makes the link under its own name, with an mtime only.
func (m *itemMaker) makeLink(n *node, e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	err = n.dir.Symlink(e.Target, e.Name)
	if !errors.Is(err, syscall.EINVAL) { // by which some say that they have no links
		err = n.named(e.Name, err)
	}
	if errors.Is(err, fs.ErrExist) {
		return m.stageLink(n, e, replace)
	}
	if err != nil {
		return out, err
	}
	out.Lost, err = setLinkTime(n, e)
	return out, err
}

// setLinkTime gives the link that was made its mtime. The link is there, and has all
// that makes it one: what its time meets with is no matter of the link. File servers
// follow it, or do not find it (ENOENT, ESTALE).
func setLinkTime(n *node, e *tree.Entry) ([]tree.Loss, error) {
	if n.vol.followsLinks() {
		return []tree.Loss{{What: tree.AttrTime, Err: errFollows}}, nil
	}
	err := n.dir.SetLinkTime(e.Name, e.MTime, false)
	for _, last := range []bool{false, true} {
		if err == nil && !n.vol.doubts(e) {
			return nil, nil
		}
		now, gone := n.dir.Lstat(e.Name)
		switch {
		case gone != nil:
			return nil, gone
		case now.Kind != tree.Symlink:
			return nil, tree.ErrReplaced
		case err == nil && tree.KeptTime(now.MTime, e.MTime):
			return nil, nil
		case err == nil:
			err = tree.ErrIgnored
		}
		if !last {
			err = n.dir.SetLinkTime(e.Name, e.MTime, true)
		}
	}
	if err != nil {
		return []tree.Loss{{What: tree.AttrTime, Err: err}}, nil
	}
	return nil, nil
}

// stageLink looks at what is there, and makes the link in the state folder.
func (m *itemMaker) stageLink(n *node, e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	info, err := n.dir.Lstat(e.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, err
	}
	if err == nil {
		if out, err = m.sameLink(n, e, info); out.Same || err != nil {
			return out, err
		}
		if err := m.mayReplace(n, info, replace); err != nil {
			return out, err
		}
	}
	out.Lost, err = m.putLink(n, e, replace)
	return out, err
}

// putLink makes the link in the state folder and moves it to e's name.
func (m *itemMaker) putLink(n *node, e *tree.Entry, replace bool) ([]tree.Loss, error) {
	var made tree.Info
	lost, err := m.stage(n, e, replace, func(dir *tree.Dir, temp string) (lost []tree.Loss, err error) {
		if err := dir.Symlink(e.Target, temp); err != nil {
			return nil, err
		}
		made, lost, err = m.dress.applyStaged(n, dir, temp, e)
		return lost, err
	})
	if err == nil {
		m.targets.note(e, n, e.Name, made, m.dress.granted)
	}
	return lost, err
}

// sameLink finds out whether info, of what has e's name, is of a link to e's
// target, which then gets e's metadata.
func (m *itemMaker) sameLink(n *node, e *tree.Entry, info tree.Info) (storage.Outcome, error) {
	if info.Kind != tree.Symlink {
		return storage.Outcome{}, nil
	}
	// One that cannot be read is not known to be the same.
	if target, err := n.dir.Readlink(e.Name); err != nil || target != e.Target {
		return storage.Outcome{}, nil
	}
	if g := m.dress.granted; g.Owner || g.Xattrs || info.MTime != e.MTime {
		return m.metadataOnly(n, e, info, func() ([]tree.Loss, error) { return m.putLink(n, e, true) })
	}
	m.targets.note(e, n, e.Name, info, m.dress.granted)
	return storage.Outcome{Same: true}, nil
}
