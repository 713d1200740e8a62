//go:build darwin || freebsd || netbsd || openbsd

package tree

import (
	"errors"

	"golang.org/x/sys/unix"
)

// dropACL does nothing: ACLs are of another kind here, or there are none.
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
