package tree

import "errors"

// ErrChanged: what has the name is not what was read under it.
var ErrChanged = errors.New("it changed while it was read or since")

// RemoveUnchanged removes name from d if what has it is still what read was: for a file the
// same version, and for a link or a special file, which nothing is read from, the same
// item. It returns what a file with more names is after that, as the removal of one changes
// the ctime of all of them. No link is followed. An item that takes the name between the
// last look and the removal is not seen: no system can remove by identity.
func RemoveUnchanged(d *Dir, name string, read Info) (after Info, err error) {
	now, err := d.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	switch {
	case now.Kind != read.Kind || now.Kind == Folder || !now.SameFile(read) || now.Special != read.Special:
		return Info{}, ErrChanged
	case now.Kind == File && !now.SameVersion(read):
		return Info{}, ErrChanged
	case now.Kind != File || now.Nlink < 2:
		return Info{}, d.Remove(name, false)
	}
	f, opened, err := d.OpenFile(name)
	if err != nil {
		return Info{}, err
	}
	if !opened.SameVersion(read) {
		err = ErrChanged
	} else if err = d.Remove(name, false); err == nil {
		// If it fails, the other names look changed, and stay.
		after, _ = Fstat(f)
	}
	_ = f.Close() // it was read only
	return after, err
}

// Spot is the item's place: the folder that was named, or that holds what was named, the
// slash path from there to the folder that the item is in, and its name in that.
func (it *Item) Spot() (root *Dir, folder, name string) {
	for root = it.Dir; root.parent != nil; root = root.parent {
	}
	return root, it.Dir.Path(), it.base
}
