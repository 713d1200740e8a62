package dest

import (
	"errors"
	"io/fs"

	"ferry/transfer/tree"
)

// Keep makes durable what stands at e's name and is left as it is, so that the
// receipt covers it as well. It writes nothing.
func (f *Folder) Keep(e *tree.Entry) error {
	n, err := f.parent(e)
	if err != nil {
		return fail("keeping", e.Name, err)
	}
	if e.Linked && f.meta.HardLinks {
		if err := f.remembered(e); err != nil {
			return err
		}
	}
	if f.opts.NoSync || e.Kind != tree.File && e.Kind != tree.Stream {
		return nil
	}
	if n.vol.whole() && n.vol.keptMany() {
		return nil
	}
	err = n.dir.SyncFile(e.Name)
	if at := new(fs.PathError); errors.As(err, &at) && at.Op == "sync" {
		err = n.vol.cover(err)
	}
	if canSyncVolume && errors.Is(err, fs.ErrPermission) {
		// Not to be opened: only a sync of all covers it.
		n.vol.syncAllLater()
		return nil
	}
	return f.fail("keeping", e, err)
}

// keptMany counts a kept file, and reports that there are too many to sync one
// by one where a syncfs at the end covers them all.
func (v *volume) keptMany() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.kept++
	v.overflow = v.overflow || v.kept > maxOwed
	return v.overflow
}

func (v *volume) syncAllLater() {
	v.mu.Lock()
	v.overflow = true
	v.mu.Unlock()
}

// Touch gives the file at e's name, whose content was found to be e's already,
// the metadata of e, by its handle, and then keeps it as Keep does. If the file has
// further names that are not hard links of e, e gets a copy of its own.
func (f *Folder) Touch(e *tree.Entry) error {
	n, err := f.parent(e)
	if err != nil {
		return fail("touching", e.Name, err)
	}
	err = f.adjust(n, e, func(seen tree.Info, a *tree.Apply) ([]tree.Loss, error) {
		if seen.Kind != tree.File {
			return nil, tree.ErrNotRegular
		}
		file, err := n.dir.OpenToApply(e.Name)
		if errors.Is(err, fs.ErrPermission) {
			// Not to be opened, even by its owner: there is another way to all but
			// the bytes.
			return a.ToName(n.dir, e.Name, seen)
		}
		if err != nil {
			return nil, err
		}
		lost, err := a.ToFile(file)
		return lost, errors.Join(err, file.Close())
	})
	if err != nil {
		return f.fail("touching", e, err)
	}
	return f.Keep(e)
}
