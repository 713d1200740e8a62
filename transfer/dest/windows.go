//go:build windows

package dest

import (
	"errors"
	"math"
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

// chmodOwn takes the read-only mark off name, or sets it.
func chmodOwn(dir *tree.Dir, name string, mode uint32) error {
	return dir.Child(name).SetMode(mode)
}

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

func freeBytes(folder *os.File) (int64, error) {
	path, err := windows.UTF16PtrFromString(folder.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, os.NewSyscallError("GetDiskFreeSpaceEx", err)
	}
	return int64(min(free, math.MaxInt64)), nil
}

// flush: the file is closed before it is renamed here, which tells as much.
func flush(*os.File) error { return nil }

// dropCache and setDirect: reads come from the page cache here.
func dropCache(*os.File)            {}
func setDirect(*os.File, bool) bool { return false }

var (
	fullErrors     = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL}
	readOnlyErrors = []error{windows.ERROR_WRITE_PROTECT}
)
