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
	block := uint64(max(st.Frsize, 1))
	return int64(min(st.Bavail, math.MaxInt64/block) * block), true
}

// inMemory reports whether dir is in a file system that is on no disk.
func inMemory(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	kind := uint32(st.Type) // some processors have it in 64 bits, some in 32 with a sign
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
}

// forget lets the system read the file from the disk, where its bytes are there already.
func forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
