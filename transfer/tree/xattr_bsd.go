//go:build freebsd || netbsd

package tree

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of users are all that is read and set here (extattr(2)). Those of the system
// are its own, ACLs among them.

func absentXattr(err error) bool { return err == unix.ENOATTR }

func (h heldFile) listXattrs() ([]string, error) {
	return listXattrs(splitCounted, func(b []byte) (int, error) {
		return unix.FlistxattrNS(int(h), unix.EXTATTR_NAMESPACE_USER, b)
	})
}

func (h heldFile) getXattr(name string) ([]byte, error) {
	return readXattr(maxXattrValue, func(b []byte) (int, error) { return unix.Fgetxattr(int(h), name, b) })
}

func (h heldFile) setXattr(name string, value []byte) error {
	if !strings.HasPrefix(name, "user.") {
		return errors.ErrUnsupported
	}
	return retry(func() error { return unix.Fsetxattr(int(h), name, value, 0) })
}

func (h heldFile) removeXattr(name string) error {
	return retry(func() error { return unix.Fremovexattr(int(h), name) })
}
