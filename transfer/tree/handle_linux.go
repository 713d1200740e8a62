package tree

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openSearch opens a folder for looking up names in it, without reading it.
const openSearch = unix.O_PATH

func renameExclusive(fd int, name string, tofd int, newName string) error {
	return unix.Renameat2(fd, name, tofd, newName, unix.RENAME_NOREPLACE)
}

func exchange(fd int, name string, tofd int, newName string) error {
	return unix.Renameat2(fd, name, tofd, newName, unix.RENAME_EXCHANGE)
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

func (h handle) mknod(name string, e *Entry) error {
	var kind uint32
	var dev uint64
	switch e.Kind {
	case FIFO:
		kind = unix.S_IFIFO
	case Socket:
		kind = unix.S_IFSOCK
	case CharDevice, BlockDevice:
		kind = unix.S_IFCHR
		if e.Kind == BlockDevice {
			kind = unix.S_IFBLK
		}
		// The call takes 12 and 20 bits of them, and would cut off more.
		if e.Major >= 1<<12 || e.Minor >= 1<<20 {
			return fmt.Errorf("device %d:%d: %w", e.Major, e.Minor, unix.ENOTSUP)
		}
		dev = unix.Mkdev(e.Major, e.Minor)
	default:
		return fmt.Errorf("a %v: %w", e.Kind, unix.ENOTSUP)
	}
	return unix.Mknodat(int(h), name, kind|0o600, int(dev))
}
