//go:build linux || darwin

package dest

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// unlockToRename: an open file cannot be renamed here.
const unlockToRename = false

// errNoLocks: the file system has no locks.
var errNoLocks = errors.New("the file system has no locks")

// lock takes the lock of file, which its last close gives back (flock(2)), or
// fails with storage.ErrLocked, also if this process has it through another file.
func lock(file *os.File) error {
	defer runtime.KeepAlive(file)
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case err == unix.EINTR:
			continue
		case err == unix.EWOULDBLOCK:
			return storage.ErrLocked
		case err == unix.ENOLCK || tree.Refused(err) || err == unix.EACCES:
			return errNoLocks
		}
		return &os.PathError{Op: "lock", Path: file.Name(), Err: err}
	}
}
