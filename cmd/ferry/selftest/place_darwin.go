package selftest

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// freeBytes is the room in dir; ok is false if that is not known.
func freeBytes(dir string) (n int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	block := uint64(max(st.Bsize, 1))
	return int64(min(st.Bavail, math.MaxInt64/block) * block), true
}

// inMemory is not known: temporary files are on a disk there.
func inMemory(string) bool { return false }

// forget does nothing: the system reads what is cached.
func forget(*os.File) {}
