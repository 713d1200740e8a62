package tree

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrReplaced: another folder, a link or a file stands where an open
	// folder was before.
	ErrReplaced = errors.New("folder was replaced by something else")
	// ErrNotRegular: the item is not, or is no longer, a regular file.
	ErrNotRegular = errors.New("not a regular file")
	// errNotFolder: a path that ends in a slash names something else.
	errNotFolder = errors.New("not a folder")
	// ErrTooDeep: more than MaxDepth folders or MaxPath bytes of path.
	ErrTooDeep = errors.New("path is too deep")
	// errClosed: the pool of folders was closed.
	errClosed = errors.New("folder is closed")
	// ErrName: a name or link target that is refused.
	ErrName = errors.New("name refused")
	// ErrSpecial: a FIFO, socket or device that was not asked for by name.
	ErrSpecial = errors.New("special file")
	// ErrOwnState: a state folder of unfinished deliveries, see IsStateName.
	ErrOwnState = errors.New("state of an unfinished delivery")
	// errLoop: the folder contains itself, through a link or a mount.
	errLoop = errors.New("folder contains itself")
)

// Known returns err so that errors.Is also finds it under the number that POSIX has for
// its cause, which is all that callers ask for. Windows has numbers of its own. Errors of
// this package are known already; those of an open file are not.
func Known(err error) error {
	err, _ = translated(err)
	return err
}

// refusal is why a name or link target is refused. Its text does not say that it is.
type refusal struct{ why error }

func (e *refusal) Error() string   { return e.why.Error() }
func (e *refusal) Unwrap() []error { return []error{ErrName, e.why} }

func refused(format string, args ...any) error { return &refusal{fmt.Errorf(format, args...)} }

// Refused reports whether err is one of the answers by which systems and file systems
// say that they do not have an operation, or not in the form that was asked for. Those
// are EOPNOTSUPP (CIFS, NFS, FUSE), ENOSYS (FUSE, old kernels), EPERM (FAT, exFAT,
// sandboxes), EINVAL (flags, FUSE) and ENOTTY.
//
// Each can mean something else too. So a caller asks only about a call that it can do
// without or replace by another: what is truly wrong shows there again.
func Refused(err error) bool {
	err = Known(err)
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, syscall.ENOTTY)
}

// Unsyncable reports whether err says that a sync was refused, and not that it failed to
// write. EBADF and EACCES come from servers and FUSE that want a handle of another kind,
// and from a folder that this user may not read.
func Unsyncable(err error) bool {
	err = Known(err)
	return Refused(err) || errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EISDIR)
}

// firstTaken makes the first of calls that is not refused, and returns what it says. Those
// that come first promise more.
func firstTaken(calls ...func() error) (err error) {
	for _, call := range calls {
		if err = call(); !Unsyncable(err) {
			return err
		}
	}
	return err
}

// Failing reports whether err says that the disk or the system fails or has no room.
// Then another call for the same purpose would do no better.
func Failing(err error) bool {
	err = Known(err)
	for _, number := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// Crowded reports whether err says that this process, or this machine, may open no more
// files. That says nothing of the item at which it was met.
func Crowded(err error) bool {
	err = Known(err)
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// ErrIgnored says that a call succeeded, and that what it set is not there.
var ErrIgnored = fmt.Errorf("the file system took it and did not keep it: %w", errors.ErrUnsupported)

// KeptTime reports whether got is want as some file system keeps it: rounded down to
// 100 ns, 1 µs, 1 ms, 10 ms, 1 s or 2 s.
func KeptTime(got, want Time) bool {
	if got == want {
		return true
	}
	for _, grid := range []uint32{100, 1e3, 1e6, 1e7, 1e9} {
		if got.Sec == want.Sec && got.Nsec == want.Nsec-want.Nsec%grid {
			return true
		}
	}
	return got == Time{Sec: want.Sec &^ 1}
}
