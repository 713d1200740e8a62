package tree

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// openSearch is O_SEARCH of fcntl.h without O_DIRECTORY. It opens a folder for looking up
// names in it, without reading it.
const openSearch = 0x40000000

func renameExclusive(fd int, name string, tofd int, newName string) error {
	return unix.RenameatxNp(fd, name, tofd, newName, unix.RENAME_EXCL)
}

func exchange(fd int, name string, tofd int, newName string) error {
	return unix.RenameatxNp(fd, name, tofd, newName, unix.RENAME_SWAP)
}

// linkErrno is what an open with O_NOFOLLOW says of a link.
const linkErrno = unix.ELOOP

// omitTime is UTIME_OMIT of sys/stat.h: the time stays as it is.
func omitTime() timespec { return timespec{Nsec: -2} }

// attrList is struct attrlist of getattrlist(2).
type attrList struct {
	bitmapCount uint16
	_           uint16
	common      uint32
	_           [4]uint32
}

const (
	attrBitMapCount  = 5
	attrCommonModify = 0x400 // ATTR_CMN_MODTIME
)

// setTime sets the mtime of the open file or folder fd. futimens(3) cannot be
// called from here, and futimes would cut nanoseconds to microseconds.
func setTime(fd int, mtime Time, _ bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	list := attrList{bitmapCount: attrBitMapCount, common: attrCommonModify}
	_, _, errno := unix.Syscall6(unix.SYS_FSETATTRLIST, uintptr(fd), uintptr(unsafe.Pointer(&list)),
		uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOTSUP, unix.EINVAL:
		tv := unix.NsecToTimeval(unix.TimespecToNsec(m))
		return unix.Futimes(fd, []unix.Timeval{tv, tv})
	}
	return errno
}
