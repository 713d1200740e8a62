//go:build unix && !linux

package tree

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// openStream opens a FIFO, device or socket that the user named. The kernel's
// poller does not tell here when a FIFO's writer comes, so the open blocks.
func openStream(_ context.Context, d *Dir, name string, follow bool) (f *os.File, info Info, err error) {
	flags := unix.O_RDONLY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	path := d.join(name)
	err = d.at("open", name, func(h handle) error { f, err = h.create(name, flags, 0, path); return err })
	if err != nil {
		return nil, Info{}, err
	}
	info, err = Fstat(f)
	if err != nil {
		f.Close()
		return nil, Info{}, err
	}
	return f, info, nil
}
