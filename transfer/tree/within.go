package tree

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Within says where a source is, if it was named by a peer who may have no more than what
// is below a folder. No link on the way is followed, whoever puts one there meanwhile, and
// what is no file, folder or link is not sent.
type Within struct {
	Root string // the folder; links in this path are followed, as the user meant
	Path string // from there: slashes, each name one that CheckName takes; "." is Root itself
}

// errRootItself: a destination has a name for each item.
var errRootItself = errors.New("the top folder has no name to be sent under: ask for what is in it")

// names returns the names from the root to the source, none for the root itself.
func (w *Within) names() ([]string, error) {
	if w.Path == "." {
		return nil, nil
	}
	names := strings.Split(w.Path, "/")
	for _, name := range names {
		if err := CheckName(name); err != nil {
			return nil, fmt.Errorf("%q: %w", w.Path, err)
		}
	}
	return names, nil
}

// Folder returns the folder that w names. Nothing is looked up until it is used: then each
// name on the way has to be that of a folder.
func (w *Within) Folder(dirs *Dirs) (*Dir, error) {
	names, err := w.names()
	if err != nil {
		return nil, err
	}
	d := dirs.lazy(w.Root)
	for _, name := range names {
		d = d.Child(name)
	}
	return d, nil
}

// Item returns the folder that the source is in, and its name there.
func (w *Within) Item(dirs *Dirs) (d *Dir, base string, err error) {
	if w.Path == "." {
		return nil, "", errRootItself
	}
	folder := Within{Root: w.Root, Path: path.Dir(w.Path)}
	if d, err = folder.Folder(dirs); err == nil {
		base = path.Base(w.Path)
		err = CheckName(base)
	}
	return d, base, err
}

// lookWithin is Look for a source with Within.
func (w *Walk) lookWithin(s *Source) (kind Kind, size int64, err error) {
	d, base, err := s.Within.Item(w.Dirs)
	if err != nil {
		return 0, 0, err
	}
	info, err := d.Lstat(base)
	switch {
	case err != nil:
		return 0, 0, err
	case info.Kind == KindOther:
		return 0, 0, ErrSpecial
	case info.Kind == File:
		return File, info.Size, nil
	}
	return info.Kind, 0, nil
}
