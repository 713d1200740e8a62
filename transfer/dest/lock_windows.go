package dest

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/windows"

	"ferry/transfer/storage"
)

// unlockToRename: an open file cannot be renamed here.
const unlockToRename = true

// errNoLocks: the file system has no locks.
var errNoLocks = errors.New("the file system has no locks")

// lock takes the lock of file, which its close gives back, or fails with
// storage.ErrLocked. Locked bytes cannot be read by others, so it is one far beyond any
// content.
func lock(file *os.File) error {
	defer runtime.KeepAlive(file)
	at := windows.Overlapped{Offset: ^uint32(0), OffsetHigh: ^uint32(0) >> 1}
	err := windows.LockFileEx(windows.Handle(file.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return storage.ErrLocked
	case errors.Is(err, windows.ERROR_NOT_SUPPORTED):
		return errNoLocks
	}
	return &os.PathError{Op: "lock", Path: file.Name(), Err: err}
}
