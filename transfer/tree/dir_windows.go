package tree

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// two runs one call with a name in each of two folders. A folder cannot be moved while
// one in it is open, so what this pool keeps open for later is closed then.
func (d *Dir) two(op, name string, to *Dir, newName string, call func(p pair) error) error {
	err := d.both(to, func(h, th handle) error {
		err := call(pair{h.self, th.self, name, newName})
		if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EBUSY) {
			if info, gone := lookAt(h.self, name); gone == nil && info.Kind == Folder && d.pool.idle() {
				err = call(pair{h.self, th.self, name, newName})
			}
		}
		return err
	})
	if err != nil {
		return &os.LinkError{Op: op, Old: d.join(name), New: to.join(newName), Err: cause(err)}
	}
	return nil
}

// both calls do with the handles of d and to.
func (d *Dir) both(to *Dir, do func(h, th handle) error) error {
	th, err := to.pool.acquire(to)
	if err != nil {
		return err
	}
	defer to.pool.release(to)
	h, err := d.pool.acquire(d)
	if err != nil {
		return err
	}
	defer d.pool.release(d)
	return do(h, th)
}

// Sync makes the names in the folder durable: a flush of a folder's handle does so, for
// which the handle needs the right to put names into it (2.1.5.7 of MS-FSA, 3.3.5.11 of
// MS-SMB2). A user without that right has changed no names there.
func (d *Dir) Sync() error {
	return d.at("fsync", "", func(h handle) error {
		f, err := openSelf(h.self, windows.FILE_LIST_DIRECTORY|fileAddFile)
		if errors.Is(err, syscall.EACCES) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.Join(cause(f.Sync()), cause(f.Close()))
	})
}

// fileAddFile is FILE_ADD_FILE, the right to put files into a folder.
const fileAddFile = 0x2

// openHinders: an open folder keeps those that it is in from being moved, and on some
// file systems itself from being removed.
const openHinders = true

// SetMode does nothing: a folder's mode has no meaning on Windows.
func (d *Dir) SetMode(uint32) error { return nil }
