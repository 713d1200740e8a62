package tree

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

func absentXattr(err error) bool { return err == unix.ENODATA }

// dropACL removes an ACL that item inherited from its folder. Most items have none, which
// the system knows without the disk.
func dropACL(item held) error {
	if _, err := item.getXattr(aclAccess); err != nil {
		return nil
	}
	if err := item.removeXattr(aclAccess); err != nil && !absentXattr(err) && !losable(err) {
		return err
	}
	return nil
}

// DefaultACLOf returns what is made in the folder d inherits from it, now. It is nil
// where d has none or cannot be asked, and on systems with other ACLs.
func DefaultACLOf(d *Dir) DefaultACL {
	var all []aclEntry
	_ = d.at("reading the ACL of", "", func(h handle) error {
		value, err := heldFile(h).getXattr(aclDefault)
		if err == nil {
			all, _ = parseACL(value)
		}
		return err
	})
	return all
}

// inheritACL gives item the ACL that its folder would have given it. If that is refused,
// the permission bits have to serve.
func inheritACL(item held, acl []byte) error {
	if now, err := item.getXattr(aclAccess); err == nil && bytes.Equal(now, acl) {
		return nil
	}
	if err := item.setXattr(aclAccess, acl); err != nil && !losable(err) {
		return err
	}
	return nil
}

// heldFile is an open file or folder.
type heldFile int

// heldPath is an item opened with O_PATH. Most calls want its path in /proc.
type heldPath struct{ fd int }

// hold opens name, of any kind, without following it and without an effect on it. The
// caller calls done in the end.
func hold(dir int, name string) (item held, done func(), err error) {
	fd, err := openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return heldPath{fd}, func() { unix.Close(fd) }, nil
}

// procPath is a path to the item that fd has open, links not followed. It needs /proc.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

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

func (h heldPath) stat() (Info, error) { return fstat(h.fd) }

// chown and the methods below reach a link itself: the path leads to its inode, and the
// system does not look up the link's target.
func (h heldPath) chown(uid, gid int) error {
	return retry(func() error { return unix.Fchownat(h.fd, "", uid, gid, unix.AT_EMPTY_PATH) })
}

func (h heldPath) chmod(mode uint32) error {
	return retry(func() error { return unix.Fchmodat(unix.AT_FDCWD, procPath(h.fd), mode, 0) })
}

func (h heldPath) setTime(mtime Time, both bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	a := omitTime()
	if both {
		if a, err = atimeNow(h.fd); err != nil {
			return err
		}
	}
	return retry(func() error { return utimesAt(unix.AT_FDCWD, procPath(h.fd), a, m, 0) })
}

func (h heldPath) listXattrs() ([]string, error) {
	return listXattrs(splitNames, func(b []byte) (int, error) { return unix.Listxattr(procPath(h.fd), b) })
}

func (h heldPath) getXattr(name string) ([]byte, error) {
	return readXattr(maxXattrValue, func(b []byte) (int, error) { return unix.Getxattr(procPath(h.fd), name, b) })
}

func (h heldPath) setXattr(name string, value []byte) error {
	return retry(func() error { return unix.Setxattr(procPath(h.fd), name, value, 0) })
}

func (h heldPath) removeXattr(name string) error {
	return retry(func() error { return unix.Removexattr(procPath(h.fd), name) })
}

// withNamedXattrs calls read with name in d, if it is still the item that info is about. It
// needs no right to read the item.
func withNamedXattrs(d *Dir, name string, info Info, follow bool, read func(held)) error {
	return d.at("reading attributes of", name, func(h handle) error {
		flags := unix.O_PATH | unix.O_CLOEXEC
		if !follow {
			flags |= unix.O_NOFOLLOW
		}
		fd, err := openat(int(h), name, flags, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		now, err := fstat(fd)
		if err == nil && !now.SameFile(info) {
			err = ErrReplaced
		}
		if err == nil {
			read(heldPath{fd})
		}
		return err
	})
}
