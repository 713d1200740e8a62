package dest

import (
	"errors"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Finish is storage.Destination's. It checks that the destination is still where it was
// (storage.Gone).
//
//  1. look for what earlier deliveries left, and remove what is old
//  2. remove the state folders that are empty
//  3. give the destination its own metadata, of which 2 changes the mtime
//  4. sync the folders, and those that Open made the destination in
func (f *Folder) Finish() (r storage.Report, err error) {
	r.Leftovers, r.LeftoversErr = f.leftovers()
	defer func() { r.Remarks = f.short.remarks() }()
	for _, v := range f.volumes.all() {
		f.short.drop(v.state)
	}
	if root := f.nodes.root; root.entry != nil && !f.opts.Guest {
		r.Root = root.entry.ID
		if r.Lost, err = f.dress.applyFolder(root); err != nil {
			return r, fail("finishing", "", err)
		}
	}
	if !f.opts.NoSync {
		if err := f.syncFolders(); err != nil {
			return r, fail("syncing", "", err)
		}
		r.Unsynced = f.Unsynced()
	}
	if err := f.site.present(); err != nil {
		return r, err
	}
	r.Durable = !f.opts.NoSync && r.Unsynced == nil
	return r, nil
}

func (f *Folder) syncFolders() error {
	for _, n := range f.nodes.all() {
		if err := n.vol.sync.owe(n.dir); err != nil {
			return err
		}
	}
	for _, v := range f.volumes.all() {
		if err := v.sync.pay(); err != nil {
			return err
		}
	}
	for _, a := range f.above {
		// It is on the file system of the destination, which was made in it.
		if err := f.nodes.root.vol.sync.cover(a.sync()); err != nil {
			return err
		}
	}
	return nil
}

// Close is storage.Destination's. The state folder is removed if it is empty.
func (f *Folder) Close() error {
	if !f.work.close() {
		return nil
	}
	var errs []error
	for _, p := range f.work.all() {
		errs = append(errs, p.Discard(true))
	}
	for _, v := range f.volumes.all() {
		// On a file system that fails, the delivery has said so already. What nobody
		// came to write to stays as it is, to its mtime.
		if v.state.used() {
			_ = v.state.remove()
		}
		errs = append(errs, ignoreClosed(v.handle.Close()))
	}
	errs = append(errs, f.dirs.Close())
	return fail("closing", "", errors.Join(errs...))
}

// syncDir makes the names in dir, of any volume, durable, or takes note that the file
// system cannot.
func (f *Folder) syncDir(dir *tree.Dir) error {
	err := dir.Sync()
	if err == nil || !tree.Unsyncable(err) {
		return err
	}
	v, _, e := f.volumes.at(dir)
	if e != nil {
		v = f.nodes.root.vol
	}
	return v.sync.cover(err)
}
