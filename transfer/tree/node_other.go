//go:build !linux

package tree

import "errors"

// Mknod fails with errors.ErrUnsupported: the system has no such items, or no
// call that makes one in an open folder.
func (d *Dir) Mknod(name string, _ *Entry) error {
	return d.fail("mknod", name, errors.ErrUnsupported)
}
