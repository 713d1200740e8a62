//go:build unix

package tree

import "golang.org/x/sys/unix"

// setTimeAt sets the mtime of name, which is not followed if it is a link, and leaves the
// atime alone. With both it sets the atime too, to what it is.
func setTimeAt(fd int, name string, mtime Time, both bool) error {
	m, err := mtime.spec()
	if err != nil {
		return err
	}
	a := omitTime()
	if both {
		if a, err = atimeAt(fd, name, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	return utimesAt(fd, name, a, m, unix.AT_SYMLINK_NOFOLLOW)
}
