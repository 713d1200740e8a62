package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// OpenToApply opens the regular file name for Apply.ToFile and for nothing else: also
// one that is read-only, or that this user may not read.
func (d *Dir) OpenToApply(name string) (f *os.File, err error) {
	err = d.at("open", name, func(h handle) error {
		f, err = openAttributes(h, name)
		return err
	})
	return f, err
}

// openAttributes opens the regular file name for its attributes.
func openAttributes(h handle, name string) (*os.File, error) {
	f, err := openAt(h.self, name, windows.FILE_WRITE_ATTRIBUTES)
	if err != nil {
		return nil, err
	}
	info, err := Fstat(f)
	if err == nil && info.Kind != File {
		err = ErrNotRegular
	}
	if err != nil {
		_ = f.Close() // nothing was written through it
		return nil, err
	}
	return f, nil
}

// Sync waits until what the open file f has is on stable storage.
func Sync(f *os.File) error { return f.Sync() }

// SyncFile waits until the content of the regular file name is on stable storage.
// The system syncs only for those that may write: a read-only file is made writable
// until it is open.
func (d *Dir) SyncFile(name string) error {
	return d.at("sync", name, func(h handle) error {
		f, _, err := h.openFile(name, os.O_RDWR, false, "")
		if errors.Is(err, fs.ErrPermission) {
			f, err = openReadOnly(h, name, err)
		}
		if err != nil {
			return err
		}
		return errors.Join(cause(f.Sync()), cause(f.Close()))
	})
}

// openReadOnly opens the file name for reading and writing if it is read-only, and
// leaves it so. because is why it could not be opened as it is.
func openReadOnly(h handle, name string, because error) (f *os.File, err error) {
	a, err := openAttributes(h, name)
	if err != nil {
		return nil, because
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if was, werr := writable(a); !was || werr != nil {
		return nil, because
	}
	f, _, err = h.openFile(name, os.O_RDWR, false, "")
	if cerr := a.Chmod(0o444); cerr != nil && f != nil {
		return nil, errors.Join(cause(cerr), f.Close())
	}
	return f, err
}

// readSmall reads the regular file name into buf until its end or until buf is
// full, and returns what the file was before and after. A file longer than buf
// shows as n == len(buf) with a larger size.
func (d *Dir) readSmall(name string, buf []byte, follow bool) (n int, before, after Info, err error) {
	f, before, err := d.openRegular(name, os.O_RDONLY, follow)
	if err != nil {
		return 0, before, after, err
	}
	defer f.Close() // only read: nothing to lose
	n, err = io.ReadFull(f, buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return n, before, after, d.fail("read", name, cause(err))
	}
	after, err = Fstat(f)
	return n, before, after, err
}
