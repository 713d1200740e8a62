package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ferry/transfer/tree"
)

// errDuplicate: a sender that gives two folders one id.
var errDuplicate = errors.New("the id of another folder")

// MakeFolder makes e's folder, or takes the real folder that is there, for the
// entries that name e.ID as their parent. Its owner may write to it meanwhile,
// whatever e.Mode says. A link is never taken for a folder. An e of kind Root
// stands for the destination itself. E is kept until FinishFolder, and must not
// change.
func (f *Folder) MakeFolder(e *tree.Entry) (existed bool, err error) {
	if e.Kind == tree.Root {
		err := f.found(f.root, f.root.dir, "")
		f.mu.Lock()
		f.root.entry = e
		f.mu.Unlock()
		if err == nil {
			err = f.register(e.ID, f.root)
		}
		return f.root.existed, f.fail("making", e, err)
	}
	parent, err := f.parent(e)
	if err != nil {
		return false, fail("making", e.Name, err)
	}
	n := &node{name: e.Name, dir: parent.dir.Child(e.Name), vol: parent.vol, entry: e, within: parent}
	err = parent.named(e.Name, parent.dir.Mkdir(e.Name, f.folderMode(e)))
	switch {
	case err == nil:
		n.fresh.Store(true)
		// Opened now, so that another folder is not taken for it later.
		_, err = n.dir.Stat()
	case errors.Is(err, fs.ErrExist):
		n.existed = true
		if err = f.adoptFolder(parent, n, e.Name); errors.Is(err, errNoFolder) && f.way != nil {
			if err = f.replaceByFolder(parent, e); err == nil {
				n.existed = false
				n.fresh.Store(true)
				_, err = n.dir.Stat()
			}
		}
	}
	if err == nil {
		err = f.register(e.ID, n)
	}
	return n.existed, f.fail("making", e, err)
}

// errNoFolder: something else stands where a folder is to be.
var errNoFolder = fmt.Errorf("has that name: %w", syscall.ENOTDIR)

// adoptFolder checks that n, which is there already, is a folder, and finds its
// volume.
func (f *Folder) adoptFolder(parent, n *node, name string) error {
	info, err := parent.dir.Lstat(name)
	if err != nil {
		return err
	}
	if info.Kind != tree.Folder {
		return fmt.Errorf("a %v %w", info.Kind, errNoFolder)
	}
	if parent.fresh.Load() {
		if err := f.checkSpelling(parent, name); err != nil {
			return err
		}
	}
	// By name: a handle of a folder that cannot be read yet would stay one.
	if err := f.found(n, parent.dir, name); err != nil {
		return err
	}
	if info.Mode&0o700 != 0o700 {
		// An earlier run gave it its final mode. If it cannot be changed, what
		// is refused next says so.
		_ = chmodOwn(parent.dir, name, info.Mode&0o777|0o700)
	}
	vol, now, err := f.volumeAt(n.dir)
	if err == nil {
		n.vol = vol
		f.expose(parent, n, now)
	}
	return err
}

// found notes the metadata that n, which is name in d, had before this delivery
// came to it.
func (f *Folder) found(n *node, d *tree.Dir, name string) error {
	if !n.existed || n.before != nil {
		return nil
	}
	s, err := tree.StateOf(d, name, f.meta)
	n.before = &s
	return err
}

// checkSpelling refuses a folder that stands in one made by this delivery under
// another name: then the file system takes two names of the sender for one.
func (f *Folder) checkSpelling(parent *node, name string) error {
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

func (f *Folder) register(id uint64, n *node) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[id] != nil || id == 0 {
		return errDuplicate
	}
	f.nodes[id] = n
	return nil
}

// FinishFolder ends the folder e.ID, whose children are all done: it gets the
// metadata that MakeFolder was told, and is synced with Finish at the
// latest. It fails with ErrGone if another item has its name by now. The
// destination itself gets them in Finish. The id is forgotten in any case.
func (f *Folder) FinishFolder(e *tree.Entry) error {
	f.mu.Lock()
	n := f.nodes[e.ID]
	delete(f.nodes, e.ID)
	f.mu.Unlock()
	if n == nil {
		return fail("finishing", e.Name, fmt.Errorf("folder %d is not open here", e.ID))
	}
	if n == f.root {
		f.foreseeRoot(e)
		return nil
	}
	path := n.dir.Path()
	if err := n.stillThere(); err != nil {
		return fail("finishing", path, err)
	}
	if n.vol.base == n.dir {
		// If a state folder is kept there, it goes first: that changes n's mtime.
		f.dropState(n.vol)
	}
	lost, err := f.applyFolder(n)
	f.lose(n.entry.ID, lost)
	f.noteKept(n)
	if err == nil && n.before != nil {
		var now tree.State
		now, err = tree.StateOf(n.dir, "", f.meta)
		if hasLost(lost, tree.AttrTime) {
			now.MTime = n.before.MTime // what was put into it changed that
		}
		f.adjustedIf(err == nil && !now.SameMetadata(n.before), n.entry)
	}
	if !f.opts.NoSync {
		err = errors.Join(err, n.vol.owe(n.dir))
	}
	return fail("finishing", path, err)
}

// foreseeRoot tells whether Finish will change the metadata of the destination: by
// then its entry is settled.
func (f *Folder) foreseeRoot(e *tree.Entry) {
	if f.root.before == nil {
		return
	}
	then := folderOutcome(f.apply(nil, f.root.entry), f.root.before)
	f.times.settle(&then, f.root.before)
	f.adjustedIf(!then.SameMetadata(f.root.before), e)
}

// stillThere checks that the folder's name leads to it.
func (n *node) stillThere() error {
	info, err := n.dir.Stat()
	if err != nil {
		return err
	}
	at, err := n.dir.Parent().Lstat(n.name)
	if err == nil && (at.Kind != tree.Folder || !at.SameFile(info)) || errors.Is(err, fs.ErrNotExist) {
		return ErrGone
	}
	return err
}
