package tree

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Clone makes a file name in d, which must not exist, that shares all blocks with the open
// file from, and opens it for reading and writing. The file has mode 0600 and no attributes
// of from's. Clone fails with errors.ErrUnsupported if it cannot be had like that:
//
//  1. A file with flags is not cloned. Its clone would have them too, and might be
//     immutable, or compressed with its content in a resource fork.
//  2. clonefile(2) makes the file, with all of from's metadata but for owner and ACL.
//  3. The mode is set by name: as it is, it may forbid the open.
//  4. The attributes are taken off.
func (d *Dir) Clone(from *os.File, name string) (f *os.File, err error) {
	defer runtime.KeepAlive(from)
	path := d.join(name)
	err = d.at("clone", name, func(h handle) error {
		var st unix.Stat_t
		if err := unix.Fstat(int(from.Fd()), &st); err != nil {
			return err
		}
		if st.Flags != 0 {
			return errors.ErrUnsupported
		}
		if err := unix.Fclonefileat(int(from.Fd()), int(h), name, unix.CLONE_NOOWNERCOPY); err != nil {
			return err
		}
		f, err = h.bareClone(name, path)
		if err != nil {
			_ = h.remove(name, false) // the caller does without
		}
		return err
	})
	return f, err
}

// bareClone opens the clone name, which is called path, and takes off what it has of the
// other file's.
func (h handle) bareClone(name, path string) (*os.File, error) {
	if err := unix.Fchmodat(int(h), name, 0o600, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, err
	}
	f, _, err := h.openFile(name, unix.O_RDWR, false, path)
	if err != nil {
		return nil, err
	}
	item := heldFile(int(f.Fd()))
	names, err := item.listXattrs()
	for _, attr := range names {
		if e := item.removeXattr(attr); e != nil && !absentXattr(e) && !kept(attr) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		_ = f.Close() // it is removed
		return nil, err
	}
	return f, nil
}

// kept reports whether an attribute may stay on a clone: the system gives it to new files
// by itself, and mostly lets nobody remove it.
func kept(attr string) bool { return ofThisMac(attr) && leftOut(attr) == nil }
