package dest

import (
	"errors"
	"fmt"
	"io/fs"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// folderMaker makes folders and finishes them. Its state is in nodes.
type folderMaker struct {
	nodes   *nodes
	volumes *volumes
	dress   *dresser
	way     *way
	short   *shortfall
	backups *backups
	noSync  bool
	guest   bool // Options.Guest
}

// MakeFolder is storage.Maker's. The owner of a folder may write to it until it is
// finished, whatever e.Mode says. A link is never taken for a folder.
func (m *folderMaker) MakeFolder(e *tree.Entry) (out storage.Outcome, err error) {
	if e.Kind == tree.Root {
		root := m.nodes.root
		err = root.found(root.dir, "", m.dress.granted)
		m.nodes.setRoot(e)
		if err == nil {
			err = m.nodes.add(e.ID, root)
		}
		return storage.Outcome{Same: root.existed}, m.nodes.fail("making", e, err)
	}
	parent, err := m.nodes.parent(e)
	if err != nil {
		return out, fail("making", e.Name, err)
	}
	n := &node{name: e.Name, dir: parent.dir.Child(e.Name), vol: parent.vol, entry: e, within: parent}
	err = parent.named(e.Name, parent.dir.Mkdir(e.Name, m.dress.folderMode(e)))
	switch {
	case err == nil:
		n.fresh.Store(true)
		// Opened now, so that another folder is not taken for it later.
		_, err = n.dir.Stat()
	case errors.Is(err, fs.ErrExist):
		n.existed = true
		if out.Notes, err = m.adopt(parent, n); errors.Is(err, errNoFolder) && m.way.open() {
			if err = m.replace(parent, e); err == nil {
				n.existed = false
				n.fresh.Store(true)
				_, err = n.dir.Stat()
			}
		}
	}
	if err == nil {
		err = m.nodes.add(e.ID, n)
	}
	out.Same = n.existed
	return out, m.nodes.fail("making", e, err)
}

// errNoFolder: something else stands where a folder is to be.
var errNoFolder = fmt.Errorf("has that name: %w", tree.NotFolder)

// adopt checks that n, which is there already, is a folder, and finds its
// volume.
func (m *folderMaker) adopt(parent, n *node) ([]storage.Note, error) {
	info, err := parent.dir.Lstat(n.name)
	if err != nil {
		return nil, err
	}
	if info.Kind != tree.Folder {
		return nil, fmt.Errorf("a %v %w", info.Kind, errNoFolder)
	}
	if m.backups.is(info) {
		return nil, fmt.Errorf("the folder for backups has that name: %w", fs.ErrExist)
	}
	if parent.fresh.Load() {
		if err := checkSpelling(parent, n.name); err != nil {
			return nil, err
		}
	}
	// By name: a handle of a folder that cannot be read yet would stay one.
	if err := n.found(parent.dir, n.name, m.dress.granted); err != nil {
		return nil, err
	}
	if info.Mode&0o700 != 0o700 && !m.guest {
		// An earlier run gave it its final mode. If it cannot be changed, what
		// is refused next says so.
		_ = chmodOwn(parent.dir, n.name, info.Mode&0o777|0o700)
	}
	vol, now, err := m.volumes.at(n.dir)
	if err != nil {
		return nil, err
	}
	n.vol = vol
	return m.expose(parent, n, now), nil
}

// checkSpelling refuses a folder that stands in one made by this delivery under
// another name: then the file system takes two names of the sender for one.
func checkSpelling(parent *node, name string) error {
	names, err := parent.dir.ReadNames()
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Name == name {
			return nil
		}
	}
	return fmt.Errorf("the file system takes it for the name of another item: %w", fs.ErrExist)
}

// replace makes e's folder in n in the place of another item.
func (m *folderMaker) replace(n *node, e *tree.Entry) error {
	if err := m.way.clear(n.dir, e.Name); err != nil {
		return err
	}
	return m.way.displace(n, e.Name, func() error { return n.dir.Mkdir(e.Name, m.dress.folderMode(e)) })
}

// FinishFolder is storage.Maker's. The folder is synced with Folder.Finish at the latest.
func (m *folderMaker) FinishFolder(e *tree.Entry) (out storage.Outcome, err error) {
	n := m.nodes.take(e.ID)
	switch {
	case n == nil:
		return out, fail("finishing", e.Name, fmt.Errorf("folder %d is not open here", e.ID))
	case n == m.nodes.root:
		// By the time that Folder.Finish gives it its metadata, its entry is settled.
		return storage.Outcome{Same: n.existed, Adjusted: !m.guest && m.dress.foresee(n)}, nil
	}
	path := n.dir.Path()
	if err := n.stillThere(); err != nil {
		return out, fail("finishing", path, err)
	}
	if n.vol.state.base == n.dir {
		// If a state folder is kept there, it goes first: that changes n's mtime.
		m.short.drop(n.vol.state)
	}
	out.Same = n.existed
	keeps := m.guest && n.existed
	if !keeps {
		out.Lost, err = m.dress.applyFolder(n)
		m.dress.untimed.noteKept(n)
	}
	if err == nil && n.before != nil && !keeps {
		var now tree.State
		now, err = tree.StateOf(n.dir, "", m.dress.granted)
		if hasLost(out.Lost, tree.AttrTime) {
			now.MTime = n.before.MTime // what was put into it changed that
		}
		out.Adjusted = err == nil && !now.SameMetadata(n.before)
	}
	if !m.noSync {
		err = errors.Join(err, n.vol.sync.owe(n.dir))
	}
	return out, fail("finishing", path, err)
}

// UnmakeFolder is storage.Maker's.
func (m *folderMaker) UnmakeFolder(e *tree.Entry) error {
	n := m.nodes.take(e.ID)
	if n == nil || n.existed {
		return nil
	}
	return m.nodes.fail("removing", e, n.dir.Parent().Remove(n.name, true))
}
