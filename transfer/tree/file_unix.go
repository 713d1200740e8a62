//go:build unix

package tree

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// OpenToApply is OpenFile for Apply.ToFile.
func (d *Dir) OpenToApply(name string) (*os.File, error) {
	f, _, err := d.OpenFile(name)
	return f, err
}

// SyncFile waits until the content of the regular file name is on stable storage.
func (d *Dir) SyncFile(name string) error {
	f, _, err := d.OpenFile(name)
	if err != nil {
		return err
	}
	return errors.Join(Sync(f), f.Close())
}

// readSmall reads the regular file name into buf until its end or until buf is
// full, and returns what the file was before and after. A file longer than buf
// shows as n == len(buf) with a larger size.
func (d *Dir) readSmall(name string, buf []byte, follow bool) (n int, before, after Info, err error) {
	var fd int
	err = d.at("open", name, func(h handle) error { fd, before, err = h.open(name, unix.O_RDONLY, follow); return err })
	if err != nil {
		return 0, before, after, err
	}
	defer unix.Close(fd) // only read: nothing to lose
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, before, after, d.fail("read", name, err)
		}
		n += m
		// At the size of before, the fstat that follows tells what one more
		// read would. Files of /proc say 0 and are read to their end.
		if m == 0 || int64(n) == before.Size {
			break
		}
	}
	if after, err = fstat(fd); err != nil {
		return n, before, after, d.fail("stat", name, err)
	}
	return n, before, after, nil
}

// Fstat returns what the open file f is now.
func Fstat(f *os.File) (Info, error) {
	defer runtime.KeepAlive(f)
	info, err := fstat(int(f.Fd()))
	if err != nil {
		return Info{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return info, nil
}
