package tree

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// openStream opens a FIFO, device or socket that the user named. The kernel's
// poller does not tell here when a FIFO's writer comes, so the open blocks.
func (d *Dir) openStream(_ context.Context, name string, follow bool) (*os.File, Info, error) {
	flags := unix.O_RDONLY | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	f, err := d.create("open", name, name, flags, 0)
	if err != nil {
		return nil, Info{}, err
	}
	info, err := Fstat(f)
	if err != nil {
		f.Close()
		return nil, Info{}, err
	}
	return f, info, nil
}
