package tree

import "golang.org/x/sys/unix"

// openSearch: a folder that may not be read cannot be opened here.
const openSearch = 0

// linkErrno is what an open with O_NOFOLLOW says of a link.
const linkErrno = unix.ELOOP

func omitTime() unix.Timespec { return unix.Timespec{Nsec: unix.UTIME_OMIT} }

// setTime sets the mtime of the open file or folder fd, in microseconds. There is no
// futimens(2) to be called without libc, and futimes(2) sets both times: the atime is set to
// what it is.
func setTime(fd int, mtime Time, _ bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	return unix.Futimes(fd, []unix.Timeval{microseconds(st.Atim), microseconds(m)})
}

// microseconds rounds down, as the system does, also before 1970.
func microseconds(ts unix.Timespec) unix.Timeval {
	return unix.Timeval{Sec: ts.Sec, Usec: ts.Nsec / 1000}
}

func mkfifoat(fd int, name string, mode uint32) error { return unix.Mkfifoat(fd, name, mode) }

func mkdeviceat(fd int, name string, mode uint32, dev uint64) error {
	return unix.Mknodat(fd, name, mode, int(dev))
}
