//go:build linux || darwin

package tree

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// handle is the descriptor of an open folder.
type handle int

// close drops the error: a folder's descriptor has nothing to write back.
func (h handle) close() { _ = unix.Close(int(h)) }

// identity tells two folders apart.
type identity struct{ dev, ino uint64 }

func (a identity) same(b identity) bool { return a == b }

const folderFlags = unix.O_DIRECTORY | unix.O_CLOEXEC

func openRoot(path string) (handle, identity, error) {
	h, id, err := openFolder(unix.AT_FDCWD, path, folderFlags)
	if err != nil {
		err = &os.PathError{Op: "open", Path: path, Err: err}
	}
	return h, id, err
}

func openChild(parent handle, name string, follow bool) (handle, identity, error) {
	flags := folderFlags
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	return openFolder(int(parent), name, flags)
}

// openFolder opens a folder that may not be read for passing through it only;
// notReadable then explains the calls that need more.
func openFolder(at int, name string, flags int) (handle, identity, error) {
	fd, err := openat(at, name, flags|unix.O_RDONLY, 0)
	if err == unix.EACCES {
		fd, err = openat(at, name, flags|openSearch, 0)
	}
	if err != nil {
		return -1, identity{}, err
	}
	info, err := fstat(fd)
	if err != nil {
		unix.Close(fd)
		return -1, identity{}, err
	}
	return handle(fd), identity{info.Dev, info.Ino}, nil
}

// isNotFolder reports that an open found something other than a folder: ELOOP
// or ENOTDIR for a link, by system.
func isNotFolder(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// at runs one call on name in d, again after a signal.
func (d *Dir) at(op, name string, call func(fd int) error) error {
	h, err := d.acquire()
	if err == nil {
		err = retry(func() error { return call(int(h)) })
		d.release()
	}
	if err != nil {
		return d.fail(op, name, notReadable(err))
	}
	return nil
}

// notReadable names the cause of a call that failed because openFolder got a
// handle for passing through only.
func notReadable(err error) error {
	if err == unix.EBADF {
		return unix.EACCES
	}
	return err
}

// at2 runs one call with a name in each of two folders.
func (d *Dir) at2(op, name string, to *Dir, newName string, call func(fd, tofd int) error) error {
	th, err := to.acquire()
	if err != nil {
		return to.fail(op, newName, err)
	}
	defer to.release()
	h, err := d.acquire()
	if err == nil {
		err = retry(func() error { return call(int(h), int(th)) })
		d.release()
	}
	if err != nil {
		return &os.LinkError{Op: op, Old: d.join(name), New: to.join(newName), Err: err}
	}
	return nil
}

// retry repeats a call that a signal interrupted: the runtime sends its own.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func openat(at int, name string, flags int, mode uint32) (fd int, err error) {
	fd, err = openOnce(at, name, flags, mode)
	if err == unix.EMFILE || err == unix.ENFILE {
		fd, err = crowded(func() (int, error) { return openOnce(at, name, flags, mode) })
	}
	return fd, err
}

func openOnce(at int, name string, flags int, mode uint32) (fd int, err error) {
	for {
		if fd, err = unix.Openat(at, name, flags, mode); err != unix.EINTR {
			return fd, err
		}
	}
}

// Stat returns what the folder itself is now, by its handle.
func (d *Dir) Stat() (info Info, err error) {
	err = d.at("stat", "", func(fd int) error { info, err = fstat(fd); return err })
	return info, err
}

// Lstat returns what name is, links not followed.
func (d *Dir) Lstat(name string) (Info, error) { return d.stat(name, false) }

func (d *Dir) stat(name string, follow bool) (info Info, err error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	err = d.at("lstat", name, func(fd int) error { info, err = statAt(fd, name, flags); return err })
	return info, err
}

// Readlink returns the target of the symbolic link name.
func (d *Dir) Readlink(name string) (string, error) {
	// One byte above the limit tells a longer target from one that fits.
	b := make([]byte, maxTarget+1)
	n := 0
	err := d.at("readlink", name, func(fd int) (err error) {
		n, err = unix.Readlinkat(fd, name, b)
		return err
	})
	if err == nil && n > maxTarget {
		err = d.fail("readlink", name, ErrName)
	}
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// Mkdir makes the folder name. The umask takes bits of mode away; Apply or
// SetMode on the child makes it exact.
func (d *Dir) Mkdir(name string, mode uint32) error {
	return d.at("mkdir", name, func(fd int) error { return unix.Mkdirat(fd, name, mode&0o777) })
}

// Symlink makes name a symbolic link to target. It never replaces.
func (d *Dir) Symlink(target, name string) error {
	return d.at("symlink", name, func(fd int) error { return unix.Symlinkat(target, fd, name) })
}

// Link gives the item name, which is not followed if it is a link, a second
// name. It never replaces.
func (d *Dir) Link(name string, to *Dir, newName string) error {
	return d.at2("link", name, to, newName, func(fd, tofd int) error {
		return unix.Linkat(fd, name, tofd, newName, 0)
	})
}

// Remove removes name: an empty folder if folder is set, else anything but a
// folder.
func (d *Dir) Remove(name string, folder bool) error {
	flags := 0
	if folder {
		flags = unix.AT_REMOVEDIR
	}
	return d.at("remove", name, func(fd int) error { return unix.Unlinkat(fd, name, flags) })
}

// Rename moves name to newName in to. With replace it takes the place of what
// is there, atomically, but never of a folder that is not empty; without, it
// fails with fs.ErrExist if anything is there.
func (d *Dir) Rename(name string, to *Dir, newName string, replace bool) error {
	if !replace {
		return d.at2("rename", name, to, newName, func(fd, tofd int) error {
			return renameNew(fd, name, tofd, newName)
		})
	}
	return d.at2("rename", name, to, newName, func(fd, tofd int) error {
		return unix.Renameat(fd, name, tofd, newName)
	})
}

// Exchange puts name in the place of newName in to, and that in the place of name,
// in one step, whatever they are. It fails with errors.ErrUnsupported where the
// system or the file system cannot.
func (d *Dir) Exchange(name string, to *Dir, newName string) error {
	return d.at2("exchange", name, to, newName, func(fd, tofd int) error {
		err := exchange(fd, name, tofd, newName)
		if Refused(err) {
			err = errors.ErrUnsupported
		}
		return err
	})
}

// renameNew renames unless newName is taken, by the call that the system has for
// it or, on file systems that do not know that call, by looking.
func renameNew(fd int, name string, tofd int, newName string) error {
	err := renameExclusive(fd, name, tofd, newName)
	if Refused(err) {
		return renameLooking(fd, name, tofd, newName)
	}
	return err
}

// renameLooking links and unlinks, which fails just as well when newName is
// taken. Folders and file systems without links, whatever they answer, are left with
// looking first. RACE: a file or empty folder that appears in between is replaced.
func renameLooking(fd int, name string, tofd int, newName string) error {
	info, err := fstatat(fd, name)
	if err != nil {
		return err
	}
	if info.Kind != Folder {
		err = unix.Linkat(fd, name, tofd, newName, 0)
		if err == nil {
			// Not to be run again from the start, where newName is taken.
			err = retry(func() error { return unix.Unlinkat(fd, name, 0) })
			if err != nil {
				_ = unix.Unlinkat(tofd, newName, 0) // what fails has not happened
			}
			return err
		}
		if err == unix.EEXIST || Failing(err) {
			return err
		}
	}
	if _, err := fstatat(tofd, newName); err == nil {
		return unix.EEXIST
	} else if err != unix.ENOENT {
		return err
	}
	return unix.Renameat(fd, name, tofd, newName)
}
