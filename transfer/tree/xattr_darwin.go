package tree

import "golang.org/x/sys/unix"

func absentXattr(err error) bool { return err == unix.ENOATTR }

func (h heldFile) listXattrs() ([]string, error) {
	return listXattrs(splitNames, func(b []byte) (int, error) { return unix.Flistxattr(int(h), b) })
}

func (h heldFile) getXattr(name string) ([]byte, error) {
	return readXattr(maxXattrValue, func(b []byte) (int, error) { return unix.Fgetxattr(int(h), name, b) })
}

func (h heldFile) setXattr(name string, value []byte) error {
	return retry(func() error { return unix.Fsetxattr(int(h), name, value, 0) })
}

func (h heldFile) removeXattr(name string) error {
	return retry(func() error { return unix.Fremovexattr(int(h), name) })
}
