//go:build linux && (android || !(386 || arm || mips || mipsle))

package tree

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func atimeNow(fd int) (timespec, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Atim, err
}

// utimes sets the atime and mtime of what fd has open: utimensat with no path.
func utimes(fd int, atime, mtime timespec) error {
	ts := [2]timespec{atime, mtime}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts[0])), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
