package tree

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// CreateUnnamed makes a file without a name on d's file system, open for
// reading and writing. LinkUnnamed names it; without that it is gone with its last
// descriptor. CreateUnnamed fails with errors.ErrUnsupported where the system or
// the file system has none (O_TMPFILE, open(2)).
func (d *Dir) CreateUnnamed(mode uint32) (f *os.File, err error) {
	path := d.join("")
	err = d.at("create", "", func(h handle) error {
		f, err = h.create(".", unix.O_TMPFILE|unix.O_RDWR, mode&0o777, path)
		return err
	})
	// EISDIR and ENOENT come from kernels that do not know the flag.
	if Refused(err) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOENT) {
		err = d.fail("create", "", errors.ErrUnsupported)
	}
	return f, err
}

// LinkUnnamed gives f, from CreateUnnamed, the name name in d. It never
// replaces: fs.ErrExist. It needs /proc, but for root and since Linux 6.10.
func (d *Dir) LinkUnnamed(f *os.File, name string) error {
	defer runtime.KeepAlive(f)
	from := int(f.Fd())
	return d.at("link", name, func(h handle) error {
		fd := int(h)
		if !d.pool.viaProc.Load() {
			// Saves the look-up through /proc, a third of the call.
			err := unix.Linkat(from, "", fd, name, unix.AT_EMPTY_PATH)
			if err != unix.ENOENT && !Refused(err) { // ENOENT says: not allowed
				return err
			}
		}
		err := unix.Linkat(unix.AT_FDCWD, procPath(from), fd, name, unix.AT_SYMLINK_FOLLOW)
		if err == nil {
			d.pool.viaProc.Store(true)
		}
		return err
	})
}
