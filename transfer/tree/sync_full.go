//go:build darwin || netbsd

package tree

import (
	"os"
	"runtime"
)

// Sync waits until what the open file f has is on stable storage, out of the drive's own
// cache too where the file system can ask for that. fsync(2) does not here.
func Sync(f *os.File) error {
	defer runtime.KeepAlive(f)
	if err := retry(func() error { return fullSync(int(f.Fd())) }); err != nil {
		return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

// syncFolder is Sync for a folder, which is then with its names.
func syncFolder(fd int) error { return fullSync(fd) }
