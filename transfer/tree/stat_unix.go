//go:build unix && !(linux && !android && (386 || arm || mips || mipsle))

package tree

import "golang.org/x/sys/unix"

// timespec is a time as the system's calls take it.
type timespec = unix.Timespec

// spec converts t, and says so if the system cannot hold it.
func (t Time) spec() (timespec, error) { return unix.TimeToTimespec(t.Std()) }

func fstat(fd int) (Info, error) {
	var st unix.Stat_t
	for {
		if err := unix.Fstat(fd, &st); err == nil {
			return infoOf(&st), nil
		} else if err != unix.EINTR {
			return Info{}, err
		}
	}
}

func statAt(fd int, name string, flags int) (Info, error) {
	var st unix.Stat_t
	for {
		if err := unix.Fstatat(fd, name, &st, flags); err == nil {
			return infoOf(&st), nil
		} else if err != unix.EINTR {
			return Info{}, err
		}
	}
}

// atimeAt is the atime of name at fd.
func atimeAt(fd int, name string, flags int) (timespec, error) {
	var st unix.Stat_t
	err := unix.Fstatat(fd, name, &st, flags)
	return st.Atim, err
}

// utimesAt sets the atime and mtime of name at fd.
func utimesAt(fd int, name string, atime, mtime timespec, flags int) error {
	return unix.UtimesNanoAt(fd, name, []unix.Timespec{atime, mtime}, flags)
}
