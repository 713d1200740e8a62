package tree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

func (d *Dir) openRegular(name string, access int, follow bool) (f *os.File, info Info, err error) {
	err = d.at("open", name, func(r *os.Root) (err error) {
		if follow {
			f, err = os.OpenFile(filepath.Join(r.Name(), name), access, 0)
		} else {
			f, err = openSeen(r, name, access)
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

// openSeen opens what Lstat says is a regular file, if it is still that one.
func openSeen(r *os.Root, name string, access int) (*os.File, error) {
	seen, err := r.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	f, err := r.OpenFile(name, access, 0)
	if err != nil {
		return nil, err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(seen, now) {
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

// Fstat returns what the open file f is now.
func Fstat(f *os.File) (Info, error) {
	fi, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

// Stat returns what the user's own path is, links followed.
func Stat(path string) (Info, error) { return statPath(path, true) }

func statPath(path string, follow bool) (Info, error) {
	stat := os.Lstat
	if follow {
		stat = os.Stat
	}
	fi, err := stat(path)
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

// infoOf leaves CTime, Dev, Ino and Nlink zero: a look by name does not give
// them, and a comparison with one by handle must not fail for that.
func infoOf(fi os.FileInfo) Info {
	return Info{
		Kind:  kindOf(fi.Mode()),
		Mode:  uint32(fi.Mode().Perm()),
		Size:  fi.Size(),
		MTime: TimeOf(fi.ModTime()),

		Allocated: -1,
	}
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
