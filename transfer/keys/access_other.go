//go:build !unix

package keys

import (
	"errors"
	"io/fs"
	"syscall"
	"time"
)

func checkPrivate(fs.FileInfo) error { return nil }

func checkTrusted(fs.FileInfo) error { return nil }

// checkFolders does not check who may write to a folder either.
func checkFolders(string) error { return nil }

func inodeOf(fs.FileInfo) uint64 { return 0 }

const (
	// inUse is what Windows says of a file that somebody has open who does not share it
	// (ERROR_SHARING_VIOLATION): another server that starts, or a scanner of viruses.
	inUse = syscall.Errno(32)
	// busyLimit is how long that is waited for.
	busyLimit = 2 * time.Second
)

// patiently makes a call for a file, again while the file is in use elsewhere.
func patiently(call func() error) error {
	for end := time.Now().Add(busyLimit); ; time.Sleep(10 * time.Millisecond) {
		if err := call(); !errors.Is(err, inUse) || time.Now().After(end) {
			return err
		}
	}
}
