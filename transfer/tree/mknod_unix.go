//go:build unix && !darwin

package tree

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

func (h handle) mknod(name string, e *Entry) error {
	const mode = 0o600
	kind := uint32(unix.S_IFCHR)
	switch e.Kind {
	case FIFO:
		return mkfifoat(int(h), name, mode)
	case Socket:
		return mksocketat(int(h), name, mode)
	case CharDevice:
	case BlockDevice:
		kind = unix.S_IFBLK
	default:
		return fmt.Errorf("a %v: %w", e.Kind, unix.ENOTSUP)
	}
	// The call takes 32 bits at most, and of each number what Mkdev keeps: the rest would
	// be cut off.
	dev := unix.Mkdev(e.Major, e.Minor)
	if unix.Major(dev) != e.Major || unix.Minor(dev) != e.Minor || dev > math.MaxUint32 {
		return fmt.Errorf("device %d:%d: %w", e.Major, e.Minor, unix.ENOTSUP)
	}
	return mkdeviceat(int(h), name, kind|mode, dev)
}
