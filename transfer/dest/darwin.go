//go:build darwin

package dest

import (
	"math"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func dropCache(*os.File) {}

// setDirect makes reads not fill the page cache, which lets the kernel drop
// what is there; it reports whether that was taken.
func setDirect(file *os.File, on bool) bool {
	defer runtime.KeepAlive(file)
	value := 0
	if on {
		value = 1
	}
	_, err := unix.FcntlInt(file.Fd(), unix.F_NOCACHE, value)
	return err == nil
}

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
