package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// itemMaker makes links and special files. It has no state of its own.
type itemMaker struct {
	nodes   *nodes
	dress   *dresser
	targets *targets
	way     *way
}

// mayReplace fails if there, which stands where an item is to be made in n, is to stay.
func (m *itemMaker) mayReplace(n *node, there tree.Info, replace bool) error {
	if there.Kind == tree.Folder && !m.way.replaces(there, replace) {
		return fmt.Errorf("a folder has that name: %w", syscall.EISDIR)
	}
	if !replace {
		n.fresh.Store(false)
		return fs.ErrExist
	}
	return nil
}

// stage makes an item in the state folder, where nobody else can put another
// one under its name, and then moves it to e's. Without replace it fails with
// fs.ErrExist if that is taken. A folder is replaced only if it may make way.
func (m *itemMaker) stage(n *node, e *tree.Entry, replace bool, build func(dir *tree.Dir, temp string) ([]tree.Loss, error)) (lost []tree.Loss, err error) {
	temp := tempName()
	err = n.vol.state.in(func(dir *tree.Dir) (err error) {
		if lost, err = build(dir, temp); err == nil {
			if err = m.put(dir, temp, n, e.Name, replace); err != nil {
				if _, gone := dir.Lstat(temp); gone == nil {
					err = n.named(e.Name, err)
				}
			}
		}
		if err != nil || replace {
			// A rename between two names of one item does nothing, rename(2).
			err = errors.Join(err, ignoreAbsent(dir.Remove(temp, false)))
		}
		return err
	})
	return lost, err
}

// put moves temp of the state folder dir to name in n.
func (m *itemMaker) put(dir *tree.Dir, temp string, n *node, name string, replace bool) error {
	if m.way.open() && replace {
		there, err := n.dir.Lstat(name)
		if err == nil && there.Kind == tree.Folder {
			return m.way.trade(dir, temp, n, name)
		}
	}
	return dir.Rename(temp, n.dir, name, replace)
}

// metadataOnly gives what stands at e's name, which seen is of and which is the same as
// e, e's metadata. Again makes e in its place.
func (m *itemMaker) metadataOnly(n *node, e *tree.Entry, seen tree.Info, again func() ([]tree.Loss, error)) (storage.Outcome, error) {
	out, err := m.dress.adjust(n, e,
		func(_ tree.Info, a *tree.Apply) ([]tree.Loss, error) {
			return m.dress.applyTo(n.vol, n.dir, e.Name, seen, a)
		},
		func(tree.Info) ([]tree.Loss, error) { return again() })
	if err != nil {
		return out, err
	}
	return out, m.targets.find(e, n, m.dress.granted)
}

// MakeNode is storage.Special's. Permission: devices take a privilege; Unsupported: this
// system has no such items.
func (m *itemMaker) MakeNode(e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	n, err := m.nodes.parent(e)
	if err != nil {
		return out, fail("making", e.Name, err)
	}
	there, err := n.dir.Lstat(e.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err != nil:
	case there.Special == e.Kind && there.Major == e.Major && there.Minor == e.Minor:
		out, err = m.metadataOnly(n, e, there, func() ([]tree.Loss, error) { return m.makeNode(n, e, true) })
		return out, m.nodes.fail("making", e, err)
	default:
		err = m.mayReplace(n, there, replace)
	}
	if err == nil {
		out.Lost, err = m.makeNode(n, e, replace)
	}
	return out, m.nodes.fail("making", e, err)
}

func (m *itemMaker) makeNode(n *node, e *tree.Entry, replace bool) ([]tree.Loss, error) {
	var made tree.Info
	lost, err := m.stage(n, e, replace, func(dir *tree.Dir, temp string) (lost []tree.Loss, err error) {
		if err := dir.Mknod(temp, e); err != nil {
			return nil, mknodError(dir, temp, err)
		}
		made, lost, err = m.dress.applyStaged(n, dir, temp, e)
		return lost, err
	})
	if err == nil {
		m.targets.note(e, n, e.Name, made, m.dress.granted)
	}
	return lost, err
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
