package tree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// OpenFile opens the regular file name for reading, without following a link,
// and returns what it is after the open. Anything else fails with
// ErrNotRegular.
func (d *Dir) OpenFile(name string) (*os.File, Info, error) {
	return d.openRegular(name, os.O_RDONLY, false)
}

// OpenRW is OpenFile for reading and writing.
func (d *Dir) OpenRW(name string) (*os.File, error) {
	f, _, err := d.openRegular(name, os.O_RDWR, false)
	return f, err
}

// OpenToApply opens the regular file name for ApplyFile and for nothing else: also
// one that is read-only, or that this user may not read.
func (d *Dir) OpenToApply(name string) (f *os.File, err error) {
	err = d.on("open", name, func(h handle) error {
		f, err = openAttributes(h, name)
		return err
	})
	return f, err
}

// openAttributes opens the regular file name for its attributes.
func openAttributes(h handle, name string) (*os.File, error) {
	f, err := openAt(h.self, name, windows.FILE_READ_ATTRIBUTES|windows.FILE_WRITE_ATTRIBUTES)
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

// SyncFile waits until the content of the regular file name is on stable storage.
// The system syncs only for those that may write: a read-only file is made writable
// until it is open.
func (d *Dir) SyncFile(name string) error {
	return d.on("sync", name, func(h handle) error {
		f, err := openSeen(h, name, os.O_RDWR)
		if errors.Is(err, fs.ErrPermission) {
			f, err = openReadOnly(h, name, err)
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// openReadOnly opens the file name for reading and writing if it is read-only, and
// leaves it so. cause is why it could not be opened as it is.
func openReadOnly(h handle, name string, cause error) (f *os.File, err error) {
	a, err := openAttributes(h, name)
	if err != nil {
		return nil, cause
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	info, err := a.Stat()
	if err != nil || info.Mode()&0o200 != 0 {
		return nil, errors.Join(cause, err)
	}
	if err := a.Chmod(0o666); err != nil {
		return nil, cause
	}
	f, err = openSeen(h, name, os.O_RDWR)
	if cerr := a.Chmod(0o444); cerr != nil && f != nil {
		return nil, errors.Join(cerr, f.Close())
	}
	return f, err
}

func (d *Dir) openRegular(name string, access int, follow bool) (f *os.File, info Info, err error) {
	err = d.on("open", name, func(h handle) (err error) {
		if follow {
			f, err = os.OpenFile(filepath.Join(h.Name(), name), access, 0)
		} else {
			f, err = openSeen(h, name, access)
		}
		if err != nil {
			return err
		}
		info, err = Fstat(f)
		if err == nil && info.Kind != File {
			err = ErrNotRegular
		}
		if err != nil {
			_ = f.Close()
		}
		return err
	})
	if err != nil {
		return nil, Info{}, err
	}
	return f, info, nil
}

// openSeen opens what is seen to be a regular file, if it is still that one.
func openSeen(h handle, name string, access int) (*os.File, error) {
	seen, err := lookAt(h.self, name)
	if err != nil {
		return nil, err
	}
	if seen.Kind != File {
		return nil, ErrNotRegular
	}
	f, err := h.OpenFile(name, access, 0)
	if err != nil {
		return nil, err
	}
	now, err := Fstat(f)
	if err == nil && !now.SameFile(seen) {
		err = ErrNotRegular
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openStream opens something that is no file and that the user named.
func (d *Dir) openStream(_ context.Context, name string, _ bool) (f *os.File, info Info, err error) {
	err = d.at("open", name, func(r *os.Root) error {
		f, err = os.Open(filepath.Join(r.Name(), name))
		return err
	})
	if err != nil {
		return nil, Info{}, err
	}
	return f, Info{Kind: KindOther, Allocated: -1}, nil
}

// ReadSmall reads the regular file name into buf until its end or until buf is
// full, and returns what the file was before and after. A file longer than buf
// shows as n == len(buf) with a larger size.
func (d *Dir) ReadSmall(name string, buf []byte) (n int, before, after Info, err error) {
	return d.readSmall(name, buf, false)
}

func (d *Dir) readSmall(name string, buf []byte, follow bool) (n int, before, after Info, err error) {
	f, before, err := d.openRegular(name, os.O_RDONLY, follow)
	if err != nil {
		return 0, before, after, err
	}
	defer f.Close() // only read: nothing to lose
	n, err = io.ReadFull(f, buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return n, before, after, d.fail("read", name, bare(err))
	}
	after, err = Fstat(f)
	return n, before, after, err
}

// Create makes the file name, which must not exist, and opens it for reading
// and writing.
func (d *Dir) Create(name string, mode uint32) (f *os.File, err error) {
	err = d.at("create", name, func(r *os.Root) error {
		f, err = r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fs.FileMode(mode&0o777))
		return err
	})
	return f, err
}

// CreateUnnamed fails with errors.ErrUnsupported: the system has no such files.
func (d *Dir) CreateUnnamed(uint32) (*os.File, error) {
	return nil, d.fail("create", "", errors.ErrUnsupported)
}

// LinkUnnamed fails with errors.ErrUnsupported.
func (d *Dir) LinkUnnamed(_ *os.File, name string) error {
	return d.fail("link", name, errors.ErrUnsupported)
}

func kindOf(m fs.FileMode) Kind {
	switch {
	case m.IsRegular():
		return File
	case m.IsDir():
		return Folder
	case m&fs.ModeSymlink != 0:
		return Symlink
	}
	return KindOther
}

// MayWrite: not asked.
func (d *Dir) MayWrite() error { return nil }
