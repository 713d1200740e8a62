//go:build unix && !darwin && !netbsd

package tree

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sync waits until what the open file f has is on stable storage. On Linux that is out of
// the drive's own cache too. FreeBSD and OpenBSD have no call that asks for it.
func Sync(f *os.File) error { return f.Sync() }

// syncFolder is Sync for a folder, which is then with its names.
func syncFolder(fd int) error { return unix.Fsync(fd) }
