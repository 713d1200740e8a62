package tree

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// DirName is a name in a folder.
type DirName struct {
	Name string
	Kind Kind // 0 where only Lstat can tell
}

// lister reads the names of one folder, for one caller at a time.
type lister struct {
	mu     sync.Mutex // held while the handle's offset is in use; Dirs.mu may be taken under it
	listed bool       // names were read before
}

// ReadNames returns all names in the folder but . and .., in the order of their
// bytes.
func (d *Dir) ReadNames() (names []DirName, err error) {
	d.names.mu.Lock()
	defer d.names.mu.Unlock()
	err = d.at("readdir", "", func(h handle) error { names, err = d.names.read(h); return err })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b DirName) int { return strings.Compare(a.Name, b.Name) })
	return names, nil
}

// freshBatch is how many names are asked for at a time.
const freshBatch = 1000

// readFresh lists the folder h through a handle of its own, which goes on where the call
// before it ended. So a name that is removed meanwhile hides no other. The kind of a name
// is unknown where the file system does not list it.
func readFresh(h handle) (names []DirName, err error) {
	f, err := h.again("")
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing to lose
	for {
		batch, err := f.ReadDir(freshBatch)
		for _, e := range batch {
			names = append(names, DirName{e.Name(), kindOf(e.Type())})
		}
		if err == io.EOF {
			return names, nil
		}
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the caller adds the path
		}
		if err != nil {
			return nil, err
		}
	}
}

// kindOf returns the Kind of an item that has the type bits of m.
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
