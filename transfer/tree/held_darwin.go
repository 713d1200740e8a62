package tree

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"
)

// transferable reports true: here attributes of users and of the system have no names of
// their own.
func transferable(string, bool) bool { return true }

func removable(string, bool) bool { return true }

func absentXattr(err error) bool { return err == unix.ENOATTR }

// dropACL does nothing: ACLs are of another kind here, and mask no mode.
func dropACL(held) error { return nil }

// inheritACL does nothing: see dropACL.
func inheritACL(held, []byte) error { return nil }

// DefaultACLOf returns nil: see dropACL.
func DefaultACLOf(*Dir) DefaultACL { return nil }

// heldFile is an open file or folder.
type heldFile int

// heldName is a link or special file by its folder and name: the system has no handle of
// an item that is not opened.
type heldName struct {
	dir  int
	name string
}

func hold(dir int, name string) (item held, done func(), err error) {
	return heldName{dir, name}, func() {}, nil
}

func (h heldFile) stat() (Info, error) { return fstat(int(h)) }

func (h heldFile) chown(uid, gid int) error {
	return retry(func() error { return unix.Fchown(int(h), uid, gid) })
}

func (h heldFile) chmod(mode uint32) error {
	return retry(func() error { return unix.Fchmod(int(h), mode) })
}

func (h heldFile) setTime(mtime Time, both bool) error {
	return retry(func() error { return setTime(int(h), mtime, both) })
}

func (h heldFile) listXattrs() ([]string, error) {
	n := 0
	err := retry(func() (err error) { n, err = unix.Flistxattr(int(h), nil); return err })
	if err != nil || n == 0 {
		return nil, err
	}
	b := make([]byte, n)
	if err := retry(func() (err error) { n, err = unix.Flistxattr(int(h), b); return err }); err != nil {
		return nil, err
	}
	var names []string
	for name := range bytes.SplitSeq(bytes.TrimSuffix(b[:n], []byte{0}), []byte{0}) {
		names = append(names, string(name))
	}
	return names, nil
}

func (h heldFile) getXattr(name string) ([]byte, error) {
	n := 0
	err := retry(func() (err error) { n, err = unix.Fgetxattr(int(h), name, nil); return err })
	if err != nil || n == 0 {
		return nil, err
	}
	if n > maxXattrValue {
		return nil, errXattrs // a resource fork has any size
	}
	b := make([]byte, n)
	err = retry(func() (err error) { n, err = unix.Fgetxattr(int(h), name, b); return err })
	return b[:n], err
}

func (h heldFile) setXattr(name string, value []byte) error {
	return retry(func() error { return unix.Fsetxattr(int(h), name, value, 0) })
}

func (h heldFile) removeXattr(name string) error {
	return retry(func() error { return unix.Fremovexattr(int(h), name) })
}

func (h heldName) stat() (Info, error) { return fstatat(h.dir, h.name) }

func (h heldName) chown(uid, gid int) error {
	return retry(func() error { return unix.Fchownat(h.dir, h.name, uid, gid, unix.AT_SYMLINK_NOFOLLOW) })
}

func (h heldName) chmod(mode uint32) error {
	return retry(func() error { return unix.Fchmodat(h.dir, h.name, mode, unix.AT_SYMLINK_NOFOLLOW) })
}

func (h heldName) setTime(mtime Time, both bool) error {
	return retry(func() error { return setTimeAt(h.dir, h.name, mtime, both) })
}

func (h heldName) listXattrs() ([]string, error) { return nil, errors.ErrUnsupported }

func (h heldName) getXattr(string) ([]byte, error) { return nil, errors.ErrUnsupported }

func (h heldName) setXattr(string, []byte) error { return errors.ErrUnsupported }

func (h heldName) removeXattr(string) error { return errors.ErrUnsupported }

// withNamedXattrs calls read with the regular file name in d, if it is still the file that
// info is about. It reads no attributes of links and special files.
func withNamedXattrs(d *Dir, name string, info Info, follow bool, read func(held)) error {
	if info.Kind != File {
		return nil
	}
	return d.at("reading attributes of", name, func(h handle) error {
		fd, now, err := h.open(name, unix.O_RDONLY, follow)
		if err != nil {
			return err
		}
		defer unix.Close(fd) // only read: nothing to lose
		if !now.SameFile(info) {
			return ErrReplaced
		}
		read(heldFile(fd))
		return nil
	})
}
