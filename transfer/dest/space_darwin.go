package dest

import (
	"math"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func freeBytes(folder *os.File) (int64, error) {
	defer runtime.KeepAlive(folder)
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(folder.Fd()), &st); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	if st.Blocks == 0 {
		return unknownSpace, nil // as ramfs says
	}
	block := uint64(max(st.Bsize, 1))
	return int64(min(st.Bavail, math.MaxInt64/block) * block), nil
}
