//go:build unix

package dest

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// owned reports that the open file or folder belongs to this user.
func owned(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// foreign reports that an item belongs to another user, so that this one may not
// set its mode and mtime unless it is privileged.
func foreign(info tree.Info) bool { return info.UID != uint32(os.Geteuid()) }

// ownStateName is the name of this user's state folder where tree.PartialName is
// another's; empty where the system has no numbers of users.
func ownStateName() string { return tree.PartialName + "-" + strconv.Itoa(os.Geteuid()) }

// privileged reports that this user may do so all the same, as far as can be told.
func privileged() bool { return os.Geteuid() == 0 }

// reclaim makes the open file this user's again, as root can: a part that was
// complete when an earlier run was stopped has its final owner.
func reclaim(file *os.File) bool {
	return os.Geteuid() == 0 && file.Chown(os.Geteuid(), os.Getegid()) == nil
}

// chmodOwn sets the mode of name, which may forbid opening it. A link is not
// followed.
func chmodOwn(dir *tree.Dir, name string, mode uint32) error {
	handle, err := dir.Handle()
	if err != nil {
		return err
	}
	defer handle.Close() // a folder: nothing to write back
	defer runtime.KeepAlive(handle)
	fd := int(handle.Fd())
	err = errors.ErrUnsupported
	if runtime.GOOS != "android" { // which ends a process for this call
		err = unix.Fchmodat(fd, name, mode, unix.AT_SYMLINK_NOFOLLOW)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		// Linux before 6.6 cannot refuse a link here. RACE: what is a file or
		// folder now may be a link to another item of this user by the next
		// line, which then gets the mode.
		var info tree.Info
		if info, err = dir.Lstat(name); err == nil && info.Kind != tree.Symlink {
			err = unix.Fchmodat(fd, name, mode, 0)
		}
	}
	if err != nil {
		return &os.PathError{Op: "chmod", Path: name, Err: err}
	}
	return nil
}

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

// flush makes the errors known that a close would tell (network file systems
// send data on it), while the file stays open.
func flush(file *os.File) error {
	defer runtime.KeepAlive(file)
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.Close(fd)
	}
	if err != nil {
		return &os.PathError{Op: "flush", Path: file.Name(), Err: err}
	}
	return nil
}
