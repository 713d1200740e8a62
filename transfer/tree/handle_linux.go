package tree

import "golang.org/x/sys/unix"

// openSearch opens a folder for looking up names in it, without reading it.
const openSearch = unix.O_PATH

func renameExclusive(fd int, name string, tofd int, newName string) error {
	return unix.Renameat2(fd, name, tofd, newName, unix.RENAME_NOREPLACE)
}

func exchange(fd int, name string, tofd int, newName string) error {
	return unix.Renameat2(fd, name, tofd, newName, unix.RENAME_EXCHANGE)
}

// linkErrno is what an open with O_NOFOLLOW says of a link.
const linkErrno = unix.ELOOP

func omitTime() timespec { return timespec{Nsec: unix.UTIME_OMIT} }

// setTime sets the mtime of the open file or folder fd and leaves its atime
// alone: utimensat with no path, as futimens(3) does. See held.setTime for both.
func setTime(fd int, mtime Time, both bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	a := omitTime()
	if both {
		if a, err = atimeNow(fd); err != nil {
			return err
		}
	}
	return utimes(fd, a, m)
}

func mkfifoat(fd int, name string, mode uint32) error {
	return unix.Mknodat(fd, name, unix.S_IFIFO|mode, 0)
}

func mksocketat(fd int, name string, mode uint32) error {
	return unix.Mknodat(fd, name, unix.S_IFSOCK|mode, 0)
}

func mkdeviceat(fd int, name string, mode uint32, dev uint64) error {
	return unix.Mknodat(fd, name, mode, int(dev))
}
