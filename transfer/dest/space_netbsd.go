package dest

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// roomOf asks the file system that folder is on.
func roomOf(folder *os.File) (room, error) {
	defer runtime.KeepAlive(folder)
	var st unix.Statvfs_t
	if err := unix.Fstatvfs(int(folder.Fd()), &st); err != nil {
		return room{}, os.NewSyscallError("fstatvfs", err)
	}
	return room{st.Blocks, st.Bavail, st.Frsize}, nil
}
