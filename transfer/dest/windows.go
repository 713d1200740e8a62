//go:build windows

package dest

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/windows"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// owned: access is by lists here, which a folder inherits from the destination.
func owned(*os.File) bool { return true }

// foreign: what this user may not set is an error here.
func foreign(tree.Info) bool { return false }

// ownStateName: a state folder here is whose the destination is.
func ownStateName() string { return "" }

func privileged() bool { return true }

func reclaim(*os.File) bool { return false }

// chmodOwn takes the read-only mark off the file name, or sets it. Other items have none
// that means anything.
func chmodOwn(dir *tree.Dir, name string, mode uint32) error {
	file, err := dir.OpenToApply(name)
	if errors.Is(err, tree.ErrNotRegular) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(fs.FileMode(mode)), file.Close())
}

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

// flush: a close tells no more than the flush before it here.
func flush(*os.File) error { return nil }
