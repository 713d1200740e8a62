package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// handle is an open folder: a Root, which confines, and the folder's own handle, to
// which looks are relative. os.Root follows links inside itself, so each use of a
// name looks first and compares what was opened with what was seen.
type handle struct {
	*os.Root
	self *os.File
}

// close drops the errors: a folder's handles have nothing to write back.
func (h handle) close() {
	_ = h.self.Close()
	_ = h.Root.Close()
}

// identity tells two folders apart: the volume's serial number and the file's index
// in it.
type identity struct{ dev, ino uint64 }

func (a identity) same(b identity) bool { return a == b }

func isNotFolder(err error) bool { return errors.Is(err, ErrNotFolder) }

func openRoot(path string) (handle, identity, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return handle{}, identity{}, err
	}
	return identify(root)
}

// identify takes over root.
func identify(root *os.Root) (handle, identity, error) {
	self, err := root.Open(".")
	if err != nil {
		_ = root.Close()
		return handle{}, identity{}, err
	}
	h := handle{root, self}
	info, err := Fstat(self)
	if err != nil {
		h.close()
		return handle{}, identity{}, err
	}
	return h, identity{info.Dev, info.Ino}, nil
}

func openChild(parent handle, name string, follow bool) (h handle, id identity, err error) {
	if follow {
		// Only the sender follows, wherever the link leads; a Root would not.
		return openRoot(filepath.Join(parent.Name(), name))
	}
	seen, err := lookAt(parent.self, name)
	if err != nil {
		return h, id, err
	}
	if seen.Kind != Folder {
		return h, id, ErrNotFolder
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return h, id, err
	}
	if h, id, err = identify(root); err == nil && id != (identity{seen.Dev, seen.Ino}) {
		h.close()
		err = ErrReplaced
	}
	return h, id, err
}

// on runs one call on name in d.
func (d *Dir) on(op, name string, call func(h handle) error) error {
	h, err := d.acquire()
	if err == nil {
		err = call(h)
		d.release()
	}
	if err != nil {
		return d.fail(op, name, bare(err))
	}
	return nil
}

// at is on for a call that needs the Root only.
func (d *Dir) at(op, name string, call func(r *os.Root) error) error {
	return d.on(op, name, func(h handle) error { return call(h.Root) })
}

// bare takes off the path that os put around an error, which is not d's.
func bare(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// at2 runs one call with a name in each of two folders below one root, both
// looked at just before. RACE: a folder on the way that becomes a link between
// that and the call is followed, inside the root.
func (d *Dir) at2(op, name string, to *Dir, newName string, call func(r *os.Root, old, new string) error) error {
	root := d
	for root.parent != nil {
		root = root.parent
	}
	toRoot := to
	for toRoot.parent != nil {
		toRoot = toRoot.parent
	}
	if root != toRoot {
		return d.fail(op, name, errors.ErrUnsupported)
	}
	for _, e := range []*Dir{d, to} {
		if _, err := e.acquire(); err != nil {
			return e.fail(op, "", bare(err))
		}
		defer e.release()
	}
	from, dest := filepath.FromSlash(d.join(name)), filepath.FromSlash(to.join(newName))
	return root.at(op, name, func(r *os.Root) error { return call(r, from, dest) })
}

// Stat returns what the folder itself is now, by its handle.
func (d *Dir) Stat() (Info, error) { return d.stat(".", true) }

// Lstat returns what name is, links not followed.
func (d *Dir) Lstat(name string) (Info, error) { return d.stat(name, false) }

func (d *Dir) stat(name string, follow bool) (info Info, err error) {
	err = d.on("lstat", name, func(h handle) (err error) {
		switch {
		case name == ".":
			info, err = Fstat(h.self)
		case follow:
			info, err = statPath(filepath.Join(h.Name(), name), true)
		default:
			info, err = lookAt(h.self, name)
		}
		return err
	})
	return info, err
}

// Readlink returns the target of the symbolic link name.
func (d *Dir) Readlink(name string) (target string, err error) {
	err = d.at("readlink", name, func(r *os.Root) error { target, err = r.Readlink(name); return err })
	return target, err
}

func (d *Dir) readNames() (names []DirName, err error) {
	f, err := d.Handle()
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close() // only read: nothing to lose
	for {
		batch, err := f.ReadDir(1000)
		for _, e := range batch {
			names = append(names, DirName{e.Name(), kindOf(e.Type())})
		}
		if err == io.EOF {
			return names, nil
		}
		if err != nil {
			return nil, bare(err)
		}
	}
}

// Mkdir makes the folder name. The mode has no meaning on Windows.
func (d *Dir) Mkdir(name string, mode uint32) error {
	return d.at("mkdir", name, func(r *os.Root) error { return r.Mkdir(name, fs.FileMode(mode&0o777)) })
}

// Symlink makes name a symbolic link to target. It never replaces.
func (d *Dir) Symlink(target, name string) error {
	return d.at("symlink", name, func(r *os.Root) error { return r.Symlink(target, name) })
}

// Link gives the file name a second name. It never replaces.
func (d *Dir) Link(name string, to *Dir, newName string) error {
	return d.at2("link", name, to, newName, func(r *os.Root, from, dest string) error { return r.Link(from, dest) })
}

// Rename moves name to newName in to. With replace it takes the place of a file
// that is there; without, it fails with fs.ErrExist if anything is there: a file
// is linked and unlinked, and for a folder newName is looked for first.
func (d *Dir) Rename(name string, to *Dir, newName string, replace bool) error {
	return d.at2("rename", name, to, newName, func(r *os.Root, from, dest string) error {
		if replace {
			return r.Rename(from, dest)
		}
		if err := r.Link(from, dest); err == nil {
			return r.Remove(from)
		} else if errors.Is(err, fs.ErrExist) {
			return err
		}
		// RACE: what appears in between is replaced, if it is a file.
		if _, err := r.Lstat(dest); err == nil {
			return fs.ErrExist
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return r.Rename(from, dest)
	})
}

// Remove removes name: an empty folder if folder is set, else anything but a
// folder.
func (d *Dir) Remove(name string, folder bool) error {
	return d.at("remove", name, func(r *os.Root) error {
		info, err := r.Lstat(name)
		switch {
		case err != nil:
			return err
		case folder && !info.IsDir():
			return ErrNotFolder
		case !folder && info.IsDir():
			return syscall.EISDIR
		}
		return r.Remove(name)
	})
}

// Handle opens the folder once more, for calls on the folder or its file system
// that have no method here. The caller closes it.
func (d *Dir) Handle() (f *os.File, err error) {
	err = d.at("open", "", func(r *os.Root) error { f, err = r.Open("."); return err })
	return f, err
}

// Sync does nothing: NTFS journals names, and has no call to wait for them.
func (d *Dir) Sync() error { return nil }

// Exchange is not to be had here.
func (d *Dir) Exchange(name string, _ *Dir, _ string) error {
	return d.fail("exchange", name, errors.ErrUnsupported)
}

// SetMode does nothing: a folder's mode has no meaning on Windows.
func (d *Dir) SetMode(uint32) error { return nil }

// SetLinkTime fails with errors.ErrUnsupported.
func (d *Dir) SetLinkTime(name string, _ Time, _ bool) error {
	return d.fail("utimes", name, errors.ErrUnsupported)
}
