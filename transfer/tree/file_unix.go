//go:build linux || darwin

package tree

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// OpenFile opens the regular file name for reading, without following a link
// and without waiting for a FIFO's writer, and returns what it is after the
// open. Anything else fails with ErrNotRegular, or ELOOP for a link.
func (d *Dir) OpenFile(name string) (*os.File, Info, error) {
	return d.openRegular(name, unix.O_RDONLY, false)
}

// OpenRW is OpenFile for reading and writing.
func (d *Dir) OpenRW(name string) (*os.File, error) {
	f, _, err := d.openRegular(name, unix.O_RDWR, false)
	return f, err
}

// OpenToApply is OpenFile for ApplyFile.
func (d *Dir) OpenToApply(name string) (*os.File, error) {
	f, _, err := d.OpenFile(name)
	return f, err
}

// SyncFile waits until the content of the regular file name is on stable storage.
func (d *Dir) SyncFile(name string) error {
	f, _, err := d.OpenFile(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *Dir) openRegular(name string, access int, follow bool) (*os.File, Info, error) {
	fd, info, err := d.openRaw(name, access, follow)
	if err != nil {
		return nil, Info{}, d.fail("open", name, err)
	}
	// A non-blocking descriptor would be offered to the poller, in vain.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, Info{}, d.fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.join(name)), info, nil
}

// openRaw returns a descriptor that the caller closes.
func (d *Dir) openRaw(name string, access int, follow bool) (int, Info, error) {
	flags := access | unix.O_NONBLOCK | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	h, err := d.acquire()
	if err != nil {
		return -1, Info{}, err
	}
	fd, err := openat(int(h), name, flags, 0)
	d.release()
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

// ReadSmall reads the regular file name into buf until its end or until buf is
// full, and returns what the file was before and after. A file longer than buf
// shows as n == len(buf) with a larger size.
func (d *Dir) ReadSmall(name string, buf []byte) (n int, before, after Info, err error) {
	return d.readSmall(name, buf, false)
}

func (d *Dir) readSmall(name string, buf []byte, follow bool) (n int, before, after Info, err error) {
	fd, before, err := d.openRaw(name, unix.O_RDONLY, follow)
	if err != nil {
		return 0, before, after, d.fail("open", name, err)
	}
	defer unix.Close(fd) // only read: nothing to lose
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, before, after, d.fail("read", name, err)
		}
		n += m
		// At the size of before, the fstat that follows tells what one more
		// read would. Files of /proc say 0 and are read to their end.
		if m == 0 || int64(n) == before.Size {
			break
		}
	}
	if after, err = fstat(fd); err != nil {
		return n, before, after, d.fail("stat", name, err)
	}
	return n, before, after, nil
}

// Create makes the file name, which must not exist, and opens it for reading
// and writing. The umask takes bits of mode away; see ApplyFile.
func (d *Dir) Create(name string, mode uint32) (*os.File, error) {
	return d.create("create", name, name,
		unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
}

// create opens lookup with flags; name is what errors and the file are called.
func (d *Dir) create(op, name, lookup string, flags int, mode uint32) (*os.File, error) {
	h, err := d.acquire()
	if err != nil {
		return nil, d.fail(op, name, err)
	}
	fd, err := openat(int(h), lookup, flags, mode&0o777)
	d.release()
	if err != nil {
		return nil, d.fail(op, name, err)
	}
	return os.NewFile(uintptr(fd), d.join(name)), nil
}

// Handle opens the folder once more, for calls on the folder or its file system
// that have no method here. The caller closes it.
func (d *Dir) Handle() (*os.File, error) {
	return d.create("open", "", ".", folderFlags|unix.O_RDONLY, 0)
}

// Sync makes the names in the folder durable.
func (d *Dir) Sync() error {
	return d.at("fsync", "", syncFolder)
}

// SetMode sets the folder's own mode, & 0777 whatever the umask, by its handle.
// Set-id and sticky bits stay: they are the receiver's arrangement.
func (d *Dir) SetMode(mode uint32) error {
	return d.at("chmod", "", func(fd int) error {
		info, err := fstat(fd)
		if want := info.Mode&^0o777 | mode&0o777; err == nil && want != info.Mode {
			err = unix.Fchmod(fd, want)
		}
		return err
	})
}

// SetLinkTime sets the mtime of name, a symbolic link, without following it. Both
// sets the atime too, to what it is, see held.setTime.
func (d *Dir) SetLinkTime(name string, mtime Time, both bool) error {
	return d.at("utimes", name, func(fd int) error { return setTimeAt(fd, name, mtime, both) })
}

// Fstat returns what the open file f is now.
func Fstat(f *os.File) (Info, error) {
	defer runtime.KeepAlive(f)
	info, err := fstat(int(f.Fd()))
	if err != nil {
		return Info{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return info, nil
}
