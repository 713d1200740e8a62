package selftest

import (
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// freeBytes is the room in dir; ok is false if that is not known.
func freeBytes(dir string) (n int64, ok bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, false
	}
	return int64(min(free, math.MaxInt64)), true
}

// inMemory is not known: temporary files are on a disk there.
func inMemory(string) bool { return false }

// forget does nothing: the system reads what is cached.
func forget(*os.File) {}

// limiter would be a command that limits the size of files.
func limiter(int64) ([]string, error) { return nil, notTried("Windows limits no sizes of files") }
