//go:build unix

package tree

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// handle is the descriptor of an open folder. Its methods take a name in the folder
// and return the bare errors of the system.
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

// openFolder opens a folder that may not be read for passing through it only; cause
// then explains the calls that need more.
func openFolder(at int, name string, flags int) (handle, identity, error) {
	fd, err := openat(at, name, flags|unix.O_RDONLY, 0)
	if err == unix.EACCES && openSearch != 0 {
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

// isNotFolder reports whether an open failed because it found something other than a
// folder. For a link that is ELOOP or ENOTDIR, depending on the system.
func isNotFolder(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// cause names the cause of a call that failed because openFolder got a handle for
// passing through only.
func cause(err error) error {
	if err == unix.EBADF {
		return unix.EACCES
	}
	return err
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

// openOnce says ELOOP of a link that is not to be followed, on all systems.
func openOnce(at int, name string, flags int, mode uint32) (fd int, err error) {
	for {
		fd, err = unix.Openat(at, name, flags, mode)
		switch {
		case err == unix.EINTR:
			continue
		case err == linkErrno && flags&unix.O_NOFOLLOW != 0:
			err = unix.ELOOP
		}
		return fd, err
	}
}

func (h handle) stat() (Info, error) { return fstat(int(h)) }

// look returns what name is; with follow, what it leads to if it is a link.
func (h handle) look(name string, follow bool) (Info, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	return statAt(int(h), name, flags)
}

func (h handle) readlink(name string) (string, error) {
	// One byte above the limit tells a longer target from one that fits.
	b := make([]byte, maxTarget+1)
	n, err := unix.Readlinkat(int(h), name, b)
	if err == nil && n > maxTarget {
		err = ErrName
	}
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

func (h handle) mkdir(name string, mode uint32) error { return unix.Mkdirat(int(h), name, mode) }

func (h handle) symlink(target, name string) error { return unix.Symlinkat(target, int(h), name) }

func (h handle) remove(name string, folder bool) error {
	flags := 0
	if folder {
		flags = unix.AT_REMOVEDIR
	}
	return unix.Unlinkat(int(h), name, flags)
}

// setLinkTime: see setTimeAt.
func (h handle) setLinkTime(name string, mtime Time, both bool) error {
	return setTimeAt(int(h), name, mtime, both)
}

// again opens the folder once more, as a file that is called path.
func (h handle) again(path string) (*os.File, error) {
	return h.create(".", folderFlags|unix.O_RDONLY, 0, path)
}

// createNew makes the file name, which is called path.
func (h handle) createNew(name string, mode uint32, path string) (*os.File, error) {
	return h.create(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, mode, path)
}

// create opens name with flags, as a file that is called path.
func (h handle) create(name string, flags int, mode uint32, path string) (*os.File, error) {
	fd, err := openat(int(h), name, flags|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// open opens the regular file name and returns a descriptor, which the caller closes,
// and what the file is after the open. It does not wait for a FIFO's writer.
func (h handle) open(name string, access int, follow bool) (int, Info, error) {
	flags := access | unix.O_NONBLOCK | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := openat(int(h), name, flags, 0)
	if err != nil {
		return -1, Info{}, err
	}
	info, err := fstat(fd)
	if err == nil && info.Kind != File {
		err = ErrNotRegular
	}
	if err != nil {
		unix.Close(fd)
		return -1, Info{}, err
	}
	return fd, info, nil
}

// openFile is open for a file that is called path.
func (h handle) openFile(name string, access int, follow bool, path string) (*os.File, Info, error) {
	fd, info, err := h.open(name, access, follow)
	if err != nil {
		return nil, Info{}, err
	}
	// os.NewFile would offer a non-blocking descriptor to the poller, in vain.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, Info{}, err
	}
	return os.NewFile(uintptr(fd), path), info, nil
}

// pair is two names, each in an open folder.
type pair struct {
	fd, tofd      int
	name, newName string
}

func (p pair) link() error { return unix.Linkat(p.fd, p.name, p.tofd, p.newName, 0) }

func (p pair) rename() error { return unix.Renameat(p.fd, p.name, p.tofd, p.newName) }

func (p pair) exchange() error {
	err := exchange(p.fd, p.name, p.tofd, p.newName)
	if Refused(err) {
		err = errors.ErrUnsupported
	}
	return err
}

// renameNew renames unless newName is taken, by the call that the system has for
// it or, on file systems that do not know that call, by looking.
func (p pair) renameNew() error {
	err := renameExclusive(p.fd, p.name, p.tofd, p.newName)
	if Refused(err) {
		return p.renameLooking()
	}
	return err
}

// renameLooking links and unlinks, which fails just as well when newName is taken. For
// folders, and where a link fails for another reason, it looks for newName first. RACE: a
// file or empty folder that appears in between is replaced.
func (p pair) renameLooking() error {
	info, err := fstatat(p.fd, p.name)
	if err != nil {
		return err
	}
	if info.Kind != Folder {
		err = p.link()
		if err == nil {
			// Not to be run again from the start, where newName is taken.
			err = retry(func() error { return unix.Unlinkat(p.fd, p.name, 0) })
			if err != nil {
				_ = unix.Unlinkat(p.tofd, p.newName, 0) // what fails has not happened
			}
			return err
		}
		if err == unix.EEXIST || Failing(err) {
			return err
		}
	}
	if _, err := fstatat(p.tofd, p.newName); err == nil {
		return unix.EEXIST
	} else if err != unix.ENOENT {
		return err
	}
	return p.rename()
}
