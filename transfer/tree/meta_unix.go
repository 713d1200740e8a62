//go:build linux || darwin

package tree

import "golang.org/x/sys/unix"

// spec converts t, and says so if the system's clock cannot hold it (32-bit
// systems after 2038).
func (t Time) spec() (unix.Timespec, error) {
	return unix.TimeToTimespec(t.Std())
}

// setTimeAt sets the mtime of name, which is not followed if it is a link, and leaves the
// atime alone. With both it sets the atime too, to what it is.
func setTimeAt(fd int, name string, mtime Time, both bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	a := omitTime()
	if both {
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		a = atimeOf(&st)
	}
	return unix.UtimesNanoAt(fd, name, []unix.Timespec{a, m}, unix.AT_SYMLINK_NOFOLLOW)
}
