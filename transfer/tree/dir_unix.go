//go:build unix

package tree

import (
	"os"

	"golang.org/x/sys/unix"
)

// two runs one call with a name in each of two folders, again if a signal
// interrupted it.
func (d *Dir) two(op, name string, to *Dir, newName string, call func(p pair) error) error {
	th, err := d.pool.acquire(to)
	if err != nil {
		return to.fail(op, newName, err)
	}
	defer d.pool.release(to)
	h, err := d.pool.acquire(d)
	if err == nil {
		err = retry(func() error { return call(pair{int(h), int(th), name, newName}) })
		d.pool.release(d)
	}
	if err != nil {
		return &os.LinkError{Op: op, Old: d.join(name), New: to.join(newName), Err: err}
	}
	return nil
}

// openHinders: a folder can be moved and removed while it is open.
const openHinders = false

// Sync makes the names in the folder durable.
func (d *Dir) Sync() error {
	return d.at("fsync", "", func(h handle) error { return syncFolder(int(h)) })
}

// SetMode sets the folder's own mode, & 0777 whatever the umask, by its handle.
// Set-id and sticky bits stay: they are the receiver's arrangement.
func (d *Dir) SetMode(mode uint32) error {
	return d.at("chmod", "", func(h handle) error {
		info, err := h.stat()
		if want := info.Mode&^0o777 | mode&0o777; err == nil && want != info.Mode {
			err = unix.Fchmod(int(h), want)
		}
		return err
	})
}
