package tree

import (
	"slices"
	"strings"
)

// DirName is a name in a folder.
type DirName struct {
	Name string
	Kind Kind // 0 where only Lstat can tell
}

// ReadNames returns all names in the folder but . and .., in the order of their
// bytes.
func (d *Dir) ReadNames() ([]DirName, error) {
	d.reading.Lock()
	defer d.reading.Unlock()
	names, err := d.readNames()
	if err != nil {
		return nil, d.fail("readdir", "", err)
	}
	slices.SortFunc(names, func(a, b DirName) int { return strings.Compare(a.Name, b.Name) })
	return names, nil
}
