package tree

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openSearch opens a folder for looking up names in it, without reading it.
const openSearch = unix.O_PATH

// CreateUnnamed makes a file without a name on d's file system, open for
// reading and writing; LinkUnnamed names it, and without that it is gone with
// its last descriptor. It fails with errors.ErrUnsupported where the system or
// the file system has none (O_TMPFILE, open(2)).
func (d *Dir) CreateUnnamed(mode uint32) (*os.File, error) {
	f, err := d.create("create", "", ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, mode)
	// EISDIR and ENOENT come from kernels that do not know the flag.
	if Refused(err) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOENT) {
		err = d.fail("create", "", errors.ErrUnsupported)
	}
	return f, err
}

// LinkUnnamed gives f, from CreateUnnamed, the name name in d. It never
// replaces: fs.ErrExist. It needs /proc, but for root and since Linux 6.10.
func (d *Dir) LinkUnnamed(f *os.File, name string) error {
	defer runtime.KeepAlive(f)
	from := int(f.Fd())
	return d.at("link", name, func(fd int) error {
		if !d.pool.viaProc.Load() {
			// Saves the look-up through /proc, a third of the call.
			err := unix.Linkat(from, "", fd, name, unix.AT_EMPTY_PATH)
			if err != unix.ENOENT && !Refused(err) { // ENOENT says: not allowed
				return err
			}
		}
		err := unix.Linkat(unix.AT_FDCWD, procPath(from), fd, name, unix.AT_SYMLINK_FOLLOW)
		if err == nil {
			d.pool.viaProc.Store(true)
		}
		return err
	})
}

func renameExclusive(fd int, name string, tofd int, newName string) error {
	return unix.Renameat2(fd, name, tofd, newName, unix.RENAME_NOREPLACE)
}

func exchange(fd int, name string, tofd int, newName string) error {
	return unix.Renameat2(fd, name, tofd, newName, unix.RENAME_EXCHANGE)
}

// MayWrite fails with fs.ErrPermission if this process, as it is, may not put names
// into d, and with EROFS if nobody may. Linux before 5.8 cannot say, and a sandbox that
// does not know the call says EPERM.
func (d *Dir) MayWrite() error {
	return d.at("write to", "", func(fd int) error {
		err := unix.Faccessat2(fd, "", unix.W_OK|unix.X_OK, unix.AT_EACCESS|unix.AT_EMPTY_PATH)
		if err != unix.EACCES && err != unix.EROFS {
			return nil
		}
		return err
	})
}

func syncFolder(fd int) error { return unix.Fsync(fd) }

func omitTime() unix.Timespec { return unix.Timespec{Nsec: unix.UTIME_OMIT} }

func atimeOf(st *unix.Stat_t) unix.Timespec { return st.Atim }

// setTime sets the mtime of the open file or folder fd and leaves its atime
// alone: utimensat with no path, as futimens(3) does. See held.setTime for both.
func setTime(fd int, mtime Time, both bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	ts := [2]unix.Timespec{omitTime(), m}
	if both {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		ts[0] = atimeOf(&st)
	}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts[0])), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
