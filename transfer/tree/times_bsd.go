//go:build freebsd || netbsd

package tree

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// setTime sets the mtime of the open file or folder fd and leaves its atime alone:
// futimens(2). See held.setTime for both.
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
	_, _, errno := unix.Syscall(unix.SYS_FUTIMENS, uintptr(fd), uintptr(unsafe.Pointer(&ts[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
