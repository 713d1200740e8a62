package tree

import "golang.org/x/sys/unix"

// openSearch is O_SEARCH of fcntl.h. It opens a folder for looking up names in it,
// without reading it.
const openSearch = 0x00800000

// linkErrno is what an open with O_NOFOLLOW says of a link.
const linkErrno = unix.EFTYPE

// omitTime is UTIME_OMIT of sys/stat.h: the time stays as it is.
func omitTime() unix.Timespec { return unix.Timespec{Nsec: 1<<30 - 2} }

func mkfifoat(fd int, name string, mode uint32) error { return unix.Mkfifoat(fd, name, mode) }

func mkdeviceat(fd int, name string, mode uint32, dev uint64) error {
	return unix.Mknodat(fd, name, mode, int(dev))
}
