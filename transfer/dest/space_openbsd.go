package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// roomOf asks the file system that folder is on.
func roomOf(folder *os.File) (room, error) {
	defer runtime.KeepAlive(folder)
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(folder.Fd()), &st); err != nil {
		return room{}, os.NewSyscallError("fstatfs", err)
	}
	return room{st.F_blocks, uint64(max(st.F_bavail, 0)), uint64(st.F_bsize)}, nil // what root keeps counts below zero
}
