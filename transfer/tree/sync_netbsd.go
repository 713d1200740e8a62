package tree

import "golang.org/x/sys/unix"

// fullSync: fsync_range(2) takes a descriptor that can be written to, and so no folder.
func fullSync(fd int) error {
	const fileAndDisk = 0x20 | 0x40 // FFILESYNC and FDISKSYNC of sys/unistd.h
	ranged := func() error {
		_, _, errno := unix.Syscall6(unix.SYS_FSYNC_RANGE, uintptr(fd), fileAndDisk, 0, 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	}
	return firstTaken(ranged, func() error { return unix.Fsync(fd) })
}
