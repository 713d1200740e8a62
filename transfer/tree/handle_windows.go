package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// handle is an open folder: a Root, which confines, and the folder's own handle, which
// look is relative to. os.Root follows links inside itself, so each use of a name looks
// first and compares what was opened with what was seen. Its methods take a name in the
// folder.
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

func isNotFolder(err error) bool { return errors.Is(err, errNotFolder) }

func openRoot(path string) (handle, identity, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return handle{}, identity{}, err
	}
	return identify(root)
}

// identify makes a handle of root, which it closes if that fails.
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
		return h, id, errNotFolder
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

// cause takes off the path that os put around an error, which is not the Dir's.
func cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// retry makes one call: none is interrupted here.
func retry(call func() error) error { return call() }

func (h handle) stat() (Info, error) { return Fstat(h.self) }

// look returns what name is; with follow, what it leads to if it is a link.
func (h handle) look(name string, follow bool) (Info, error) {
	if follow {
		return statPath(filepath.Join(h.Name(), name), true)
	}
	return lookAt(h.self, name)
}

func (h handle) readlink(name string) (string, error) { return h.Readlink(name) }

func (h handle) mkdir(name string, mode uint32) error { return h.Mkdir(name, fs.FileMode(mode)) }

func (h handle) symlink(target, name string) error { return h.Symlink(target, name) }

func (h handle) setLinkTime(string, Time, bool) error { return errors.ErrUnsupported }

func (h handle) remove(name string, folder bool) error {
	info, err := h.Lstat(name)
	switch {
	case err != nil:
		return err
	case folder && !info.IsDir():
		return errNotFolder
	case !folder && info.IsDir():
		return syscall.EISDIR
	}
	return h.Remove(name)
}

// again opens the folder once more.
func (h handle) again(string) (*os.File, error) { return h.Open(".") }

func (h handle) createNew(name string, mode uint32, _ string) (*os.File, error) {
	return h.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fs.FileMode(mode))
}

// openFile opens the regular file name and returns what it is after the open.
func (h handle) openFile(name string, access int, follow bool, _ string) (f *os.File, info Info, err error) {
	if follow {
		f, err = os.OpenFile(filepath.Join(h.Name(), name), access, 0)
	} else {
		f, err = h.openSeen(name, access)
	}
	if err != nil {
		return nil, Info{}, err
	}
	info, err = Fstat(f)
	if err == nil && info.Kind != File {
		err = ErrNotRegular
	}
	if err != nil {
		_ = f.Close()
		return nil, Info{}, err
	}
	return f, info, nil
}

// openSeen opens name if it is a regular file, and fails if it opened another item than it
// saw before.
func (h handle) openSeen(name string, access int) (*os.File, error) {
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

// pair is two names by their paths below one root.
type pair struct {
	root          *os.Root
	name, newName string
}

func (p pair) link() error { return p.root.Link(p.name, p.newName) }

func (p pair) rename() error { return p.root.Rename(p.name, p.newName) }

// renameNew renames unless newName is taken: a file is linked and unlinked, and for a
// folder newName is looked for first.
func (p pair) renameNew() error {
	if err := p.link(); err == nil {
		return p.root.Remove(p.name)
	} else if errors.Is(err, fs.ErrExist) {
		return err
	}
	// RACE: what appears in between is replaced, if it is a file.
	if _, err := p.root.Lstat(p.newName); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.rename()
}

// exchange is not to be had here.
func (p pair) exchange() error { return errors.ErrUnsupported }
