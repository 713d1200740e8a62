package tree

import "golang.org/x/sys/unix"

// openSearch opens a folder for looking up names in it, without reading it (open(2)).
const openSearch = unix.O_SEARCH

// linkErrno is what an open with O_NOFOLLOW says of a link.
const linkErrno = unix.EMLINK

func omitTime() unix.Timespec { return unix.Timespec{Nsec: unix.UTIME_OMIT} }

func mkfifoat(fd int, name string, mode uint32) error {
	return unix.Mknodat(fd, name, unix.S_IFIFO|mode, 0)
}

func mkdeviceat(fd int, name string, mode uint32, dev uint64) error {
	return unix.Mknodat(fd, name, mode, dev)
}
