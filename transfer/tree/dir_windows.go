package tree

import (
	"errors"
	"path/filepath"
)

// two runs one call with a name in each of two folders below one root, both
// looked at just before. RACE: a folder on the way that becomes a link between
// that and the call is followed, inside the root.
func (d *Dir) two(op, name string, to *Dir, newName string, call func(p pair) error) error {
	root := d
	for root.parent != nil {
		root = root.parent
	}
	toRoot := to
	for toRoot.parent != nil {
		toRoot = toRoot.parent
	}
	if root != toRoot {
		return d.fail(op, name, errors.ErrUnsupported)
	}
	for _, e := range []*Dir{d, to} {
		if _, err := e.pool.acquire(e); err != nil {
			return e.fail(op, "", cause(err))
		}
		defer e.pool.release(e)
	}
	from, dest := filepath.FromSlash(d.join(name)), filepath.FromSlash(to.join(newName))
	return root.at(op, name, func(h handle) error { return call(pair{h.Root, from, dest}) })
}

// Sync does nothing: NTFS journals names, and has no call to wait for them.
func (d *Dir) Sync() error { return nil }

// SetMode does nothing: a folder's mode has no meaning on Windows.
func (d *Dir) SetMode(uint32) error { return nil }
