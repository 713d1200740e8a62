package dest

import (
	"errors"
	"math"
	"os"

	"ferry/transfer/tree"
)

// Finish makes all folders durable, with the destination's own metadata and the
// parents that Open made, and checks that the destination is still where it was
// (ErrGone). It comes before the receipt, once, when nothing else is under way.
func (f *Folder) Finish() error {
	if err := f.finishRoot(); err != nil {
		return fail("finishing", "", err)
	}
	if !f.opts.NoSync {
		if err := f.syncFolders(); err != nil {
			return fail("syncing", "", err)
		}
	}
	return f.present()
}

// finishRoot removes the state folders that are empty and then sets the
// destination's own metadata, of which that changes the mtime.
func (f *Folder) finishRoot() error {
	for _, v := range f.eachVolume() {
		f.dropState(v)
	}
	e := f.root.entry
	if e == nil {
		return nil
	}
	lost, err := f.applyFolder(f.root)
	f.lose(e.ID, lost)
	return err
}

func (f *Folder) syncFolders() error {
	f.mu.RLock()
	open := []*node{f.root}
	for _, n := range f.nodes {
		open = append(open, n)
	}
	f.mu.RUnlock()
	for _, n := range open {
		if err := n.vol.owe(n.dir); err != nil {
			return err
		}
	}
	for _, v := range f.eachVolume() {
		if err := v.pay(); err != nil {
			return err
		}
	}
	for _, a := range f.above {
		// It is on the file system of the destination, which was made in it.
		if err := f.root.vol.cover(a.sync()); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) eachVolume() []*volume {
	f.mu.RLock()
	defer f.mu.RUnlock()
	all := make([]*volume, 0, len(f.volumes))
	for _, v := range f.volumes {
		all = append(all, v)
	}
	return all
}

// unknownSpace stands for what a file system that tells no size has free: more
// than any delivery needs, so that the disk itself says when it is full.
const unknownSpace = math.MaxInt64

// Free returns the bytes that this user may still write to the file system of
// the destination, math.MaxInt64 if that does not tell.
func (f *Folder) Free() (int64, error) {
	n, err := freeBytes(f.root.vol.handle)
	if err != nil && !tree.Failing(err) {
		return unknownSpace, nil
	}
	if err != nil {
		return 0, fail("measuring", "", err)
	}
	return n, nil
}

// Close lets go of all handles and locks. Partials that are still open are kept
// for the next run, as by Discard(true), and the state folder is removed if it
// is empty. Further calls do nothing.
func (f *Folder) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	var open []*Partial
	for p := range f.partials {
		open = append(open, p)
	}
	f.mu.Unlock()
	var errs []error
	for _, p := range open {
		errs = append(errs, p.Discard(true))
	}
	for _, v := range f.eachVolume() {
		// On a file system that fails, the delivery has said so already. What nobody
		// came to write to stays as it is, to its mtime.
		if v.usesState() {
			_ = v.removeState()
		}
		errs = append(errs, ignoreClosed(v.handle.Close()))
	}
	errs = append(errs, f.dirs.Close())
	return fail("closing", "", errors.Join(errs...))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
