//go:build linux || darwin || freebsd

package tree

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const knowsHoles = true

// findRun returns the rest of the hole, or the run of data, that off is in.
func findRun(file *os.File, off, size int64) (from, to int64, hole bool, err error) {
	defer runtime.KeepAlive(file)
	fd := int(file.Fd())
	data, err := seek(fd, off, unix.SEEK_DATA)
	switch {
	case err == unix.ENXIO:
		// No data from here on, or no file: one that became shorter has no hole.
		end, err := seek(fd, 0, unix.SEEK_END)
		if err == nil && end < size {
			err = unix.ENXIO
		}
		return off, size, true, err
	case err != nil:
		return 0, 0, false, err
	case data > off:
		return off, min(data, size), true, nil
	}
	to, err = seek(fd, off, unix.SEEK_HOLE)
	return off, min(to, size), false, err
}

func seek(fd int, off int64, whence int) (at int64, err error) {
	err = retry(func() error { at, err = unix.Seek(fd, off, whence); return err })
	return at, err
}
