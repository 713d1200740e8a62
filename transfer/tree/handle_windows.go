package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// handle is an open folder: a Root, for what os has calls for, and the folder's own
// handle, for those of nt_windows.go. Each call names one component relative to one of
// them. Its methods take a name in the folder.
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

// openChild looks first, since a Root follows links inside itself.
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
		err = e.Err
	case *os.LinkError:
		err = e.Err
	}
	return Known(err)
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

// Targets have slashes on the wire and backslashes in links, where a slash leads nowhere.
// No name here has either.
func (h handle) readlink(name string) (string, error) {
	target, err := h.Readlink(name)
	return filepath.ToSlash(target), err
}

func (h handle) mkdir(name string, mode uint32) error { return h.Mkdir(name, fs.FileMode(mode)) }

func (h handle) symlink(target, name string) error {
	return h.Symlink(filepath.FromSlash(target), name)
}

func (h handle) setLinkTime(name string, mtime Time, _ bool) error {
	f, err := openAt(h.self, name, windows.FILE_WRITE_ATTRIBUTES)
	if err != nil {
		return err
	}
	return errors.Join(setTime(f, mtime), cause(f.Close()))
}

func (h handle) remove(name string, folder bool) error {
	f, err := openAt(h.self, name, windows.DELETE|windows.FILE_WRITE_ATTRIBUTES)
	if errors.Is(err, syscall.EACCES) {
		// Who may remove what is in the folder may have no right to the item itself.
		f, err = openAt(h.self, name, windows.DELETE)
	}
	if err != nil {
		return err
	}
	defer f.Close() // nothing was written through it
	info, err := Fstat(f)
	switch {
	case err != nil:
		return err
	case folder && info.Kind != Folder:
		return NotFolder
	case !folder && info.Kind == Folder:
		return syscall.EISDIR
	}
	return dispose(f)
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
		f, err = openContent(h.self, name, access != os.O_RDONLY)
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
