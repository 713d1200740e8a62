package tree

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Mknod makes the FIFO, socket or device e under the name name, with a mode of
// 0600 less the umask; it opens nothing. Devices take a privilege.
func (d *Dir) Mknod(name string, e *Entry) error {
	var kind uint32
	var dev uint64
	switch e.Kind {
	case FIFO:
		kind = unix.S_IFIFO
	case Socket:
		kind = unix.S_IFSOCK
	case CharDevice, BlockDevice:
		kind = unix.S_IFCHR
		if e.Kind == BlockDevice {
			kind = unix.S_IFBLK
		}
		// The call takes 12 and 20 bits of them, and would cut off more.
		if e.Major >= 1<<12 || e.Minor >= 1<<20 {
			return d.fail("mknod", name, fmt.Errorf("device %d:%d: %w", e.Major, e.Minor, unix.ENOTSUP))
		}
		dev = unix.Mkdev(e.Major, e.Minor)
	default:
		return d.fail("mknod", name, fmt.Errorf("a %v: %w", e.Kind, unix.ENOTSUP))
	}
	return d.at("mknod", name, func(fd int) error { return unix.Mknodat(fd, name, kind|0o600, int(dev)) })
}
