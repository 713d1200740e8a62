package tree

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// NotFolder is the number for a name that is no folder's. Package syscall has another one
// under ENOTDIR, which also stands for a path that is not there.
const NotFolder = windows.ERROR_DIRECTORY

// numbers are the numbers of POSIX that say what the system's own say ("System Error
// Codes", Win32 documentation). Those that package syscall knows for fs.ErrExist,
// fs.ErrNotExist or errors.ErrUnsupported are not among them.
func numbers(n syscall.Errno) (like syscall.Errno, ok bool) {
	switch n {
	case windows.ERROR_ACCESS_DENIED, windows.ERROR_FILE_READ_ONLY, windows.ERROR_VIRUS_INFECTED, windows.ERROR_VIRUS_DELETED:
		return syscall.EACCES, true
	case windows.ERROR_PRIVILEGE_NOT_HELD:
		return syscall.EPERM, true
	case windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_USER_MAPPED_FILE, windows.ERROR_BUSY,
		windows.ERROR_DELETE_PENDING, windows.ERROR_PATH_BUSY:
		return syscall.EBUSY, true
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL:
		return syscall.ENOSPC, true
	case windows.ERROR_DISK_QUOTA_EXCEEDED:
		return syscall.EDQUOT, true
	case windows.ERROR_WRITE_PROTECT:
		return syscall.EROFS, true
	case windows.ERROR_FILE_TOO_LARGE, windows.ERROR_FILE_SYSTEM_LIMITATION:
		return syscall.EFBIG, true
	case windows.ERROR_TOO_MANY_OPEN_FILES:
		return syscall.EMFILE, true
	case windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY, windows.ERROR_NO_SYSTEM_RESOURCES, windows.ERROR_COMMITMENT_LIMIT:
		return syscall.ENOMEM, true
	case windows.ERROR_NOT_READY, windows.ERROR_CRC, windows.ERROR_SEEK, windows.ERROR_SECTOR_NOT_FOUND, windows.ERROR_WRITE_FAULT,
		windows.ERROR_READ_FAULT, windows.ERROR_GEN_FAILURE, windows.ERROR_IO_DEVICE, windows.ERROR_DISK_CORRUPT, windows.ERROR_FILE_CORRUPT,
		windows.ERROR_NO_MEDIA_IN_DRIVE, windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_DEV_NOT_EXIST, windows.ERROR_UNEXP_NET_ERR,
		windows.ERROR_NETNAME_DELETED, windows.ERROR_FILE_INVALID:
		return syscall.EIO, true
	case windows.ERROR_BUFFER_OVERFLOW, windows.ERROR_FILENAME_EXCED_RANGE:
		return syscall.ENAMETOOLONG, true
	case windows.ERROR_NO_UNICODE_TRANSLATION:
		return syscall.EILSEQ, true
	case windows.ERROR_INVALID_NAME, windows.ERROR_BAD_PATHNAME, windows.ERROR_INVALID_PARAMETER, windows.ERROR_NOT_A_REPARSE_POINT:
		return syscall.EINVAL, true
	case windows.ERROR_INVALID_FUNCTION:
		return syscall.ENOTTY, true
	case windows.ERROR_INVALID_HANDLE:
		return syscall.EBADF, true
	case windows.ERROR_CANT_RESOLVE_FILENAME, windows.ERROR_STOPPED_ON_SYMLINK, windows.ERROR_REPARSE_POINT_ENCOUNTERED:
		return syscall.ELOOP, true
	case windows.ERROR_NOT_SAME_DEVICE:
		return syscall.EXDEV, true
	case windows.ERROR_TOO_MANY_LINKS:
		return syscall.EMLINK, true
	case windows.ERROR_DIR_NOT_EMPTY:
		return syscall.ENOTEMPTY, true
	}
	return 0, false
}

// alike is an error of the system that is also found under a number of POSIX.
type alike struct {
	error
	number syscall.Errno
}

func (e alike) Is(target error) bool { return target == e.number || e.number.Is(target) }
func (e alike) Unwrap() error        { return e.error }

// translated is Known; changed is false if it returns err itself. The structs that os puts
// around an error stay outermost.
func translated(err error) (_ error, changed bool) {
	switch e := err.(type) {
	case nil, alike:
		return err, false
	case *fs.PathError:
		if inner, changed := translated(e.Err); changed {
			return &fs.PathError{Op: e.Op, Path: e.Path, Err: inner}, true
		}
		return err, false
	case *os.LinkError:
		if inner, changed := translated(e.Err); changed {
			return &os.LinkError{Op: e.Op, Old: e.Old, New: e.New, Err: inner}, true
		}
		return err, false
	}
	if n := syscall.Errno(0); errors.As(err, &n) {
		if like, ok := numbers(n); ok && !errors.Is(err, like) {
			return alike{err, like}, true
		}
	}
	return err, false
}

// errnoOf is the error for what a call of the NT layer returned, which is nil or an
// NTStatus. Some statuses have no number of their own in Win32.
func errnoOf(err error) error {
	status, ok := err.(windows.NTStatus)
	if !ok {
		return err
	}
	switch status {
	case windows.STATUS_FILE_IS_A_DIRECTORY:
		return syscall.EISDIR
	case windows.STATUS_NOT_A_DIRECTORY:
		return NotFolder
	case windows.STATUS_REPARSE_POINT_ENCOUNTERED:
		return syscall.ELOOP
	case windows.STATUS_DELETE_PENDING:
		return windows.ERROR_DELETE_PENDING
	}
	return status.Errno()
}
