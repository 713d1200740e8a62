package tree

import (
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
