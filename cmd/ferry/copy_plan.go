package main

import (
	"os"
	"path/filepath"
	"slices"

	"ferry/transfer/filter"
	"ferry/transfer/store"
	"ferry/transfer/tree"
)

// copyPlace is where a copy lands, if that is not reached by ssh.
type copyPlace struct {
	folder string // or place in a store
	depot  *depot // that place; nil for a folder
}

// here is the folder, "" if it is none of this machine.
func (p copyPlace) here() string {
	if p.depot != nil {
		return ""
	}
	return p.folder
}

// planCopy reads SRC... DEST as rsync does. It returns the sources under the
// names they will get, and the place that they land in.
func planCopy(s *stores, args []string, follow bool, rules *filter.List) (list *sourceList, at copyPlace, err error) {
	if err = checkSides(args); err != nil {
		return nil, at, err
	}
	sources, dest := args[:len(args)-1], args[len(args)-1]
	if list, err = copySources(s, sources, follow, rules); err != nil {
		return nil, at, err
	}
	if err = list.checkInside(dest, follow, rules); err != nil {
		return nil, at, err
	}
	name, single := "", len(sources) == 1 && !list.folder
	if store.Is(dest) {
		at.depot = &depot{stores: s}
		name, err = at.depot.lands(dest, single)
		if err == nil {
			at.folder = at.depot.Place()
		}
	} else {
		at.folder, name, err = placeFor(dest, single)
	}
	if err == nil && name != "" {
		list.sources[0].Name = name
	}
	return list, at, err
}

// checkSides refuses arguments that are no SRC... DEST.
func checkSides(args []string) error {
	switch {
	case len(args) < 2:
		return usagef("copy", "copy needs SRC... DEST")
	case slices.Contains(args, "-"):
		return usagef("copy", "copy knows no standard input or output; a file of that name is ./-")
	case args[len(args)-1] == "":
		return usagef("copy", "an empty DEST names nothing")
	}
	return nil
}

// copySources looks at what is to be copied.
func copySources(s *stores, paths []string, follow bool, rules *filter.List) (*sourceList, error) {
	list := &sourceList{stores: s}
	for _, p := range paths {
		if err := list.add("copy", p, follow, meansContents(p)); err != nil {
			return nil, err
		}
	}
	return list, list.check("copy", rules)
}

// placeFor is the folder that a copy to dest lands in. If it is of one item that is no
// folder, which is what single says, dest may be the name that the item gets there.
func placeFor(dest string, single bool) (folder, name string, err error) {
	info, err := os.Stat(filepath.Clean(dest)) // a file is there, even if named with a slash
	switch {
	case err == nil && info.IsDir():
		return dest, "", nil
	case single && !endsInSlash(dest):
		name := filepath.Base(dest)
		if err := tree.CheckName(name); err != nil {
			return "", "", usagef("copy", "DEST %s: %v", dest, err)
		}
		return filepath.Dir(dest), name, nil
	case err == nil:
		return "", "", usagef("copy", "%s is no folder: only one file can be copied to it", dest)
	}
	return dest, "", nil
}

// meansContents reports whether a path stands for the content of its folder: it ends
// in a slash, or in "." or "..", which are no names, or is a drive or a share of Windows.
func meansContents(path string) bool {
	if endsInSlash(path) {
		return true
	}
	base := filepath.Base(path)
	return base == "." || base == ".." || base == string(filepath.Separator)
}
