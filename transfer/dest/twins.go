package dest

import (
	"errors"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// numbersItems reports whether a file system is known to number items. Doubtful is nature's
// word on it. On systems other than Linux no file system is known.
func numbersItems(doubtful bool) bool { return !doubtful && runtime.GOOS == "linux" }

// relate compares two names in d by what they lead to. Identity alone does not
// decide: two hard links have one, and some file systems number names and not
// items. So the folder is listed: names that are both listed are apart. That can take
// long, and is spared where one listing has shown both, or where numbered says that the
// file system numbers items, and the numbers differ.
func (l *listing) relate(d *tree.Dir, a, b string, stands, numbered bool) (storage.Relation, error) {
	if a == b {
		return storage.Together, nil
	}
	one, err := d.Lstat(a)
	hasOne, err := found(err)
	if err != nil {
		return storage.Unknown, err
	}
	two, err := d.Lstat(b)
	hasTwo, err := found(err)
	if err == nil && hasTwo && !hasOne { // it may have come between the two looks
		one, err = d.Lstat(a)
		hasOne, err = found(err)
	}
	if err != nil || !hasOne && !hasTwo {
		return storage.Unknown, err
	}
	if hasTwo && !hasOne && stands || hasOne && hasTwo && numbered && knownInode(one) && !one.SameFile(two) {
		return storage.Apart, nil
	}
	if hasOne && hasTwo && l.apart(d, a, b) {
		return storage.Apart, nil
	}
	names, err := l.read(d)
	if errors.Is(err, fs.ErrPermission) {
		// A folder that this user may write to and not list.
		if hasOne && hasTwo && knownInode(one) && one.SameFile(two) {
			return storage.Together, nil
		}
		return storage.Apart, nil
	}
	if err != nil {
		return storage.Unknown, err
	}
	alike := sharing(names, tree.FoldKey(a))
	switch one, two := nearest(alike, a), nearest(alike, b); {
	case hasOne && hasTwo && one == two:
		return storage.Together, nil
	case hasOne && hasTwo:
		return storage.Apart, nil
	case hasOne && stood(one, a, b), hasTwo && stood(two, b, a):
		return storage.Apart, nil
	}
	return storage.Unknown, nil // a cache that does not know yet that it is gone
}

// sharing are the names of one key.
func sharing(names []tree.DirName, key string) (list []string) {
	for _, n := range names {
		if tree.FoldKey(n.Name) == key {
			list = append(list, n.Name)
		}
	}
	return list
}

// nearest is the name that name is listed as: itself, or one that differs in case
// only, since some file systems list another case than was given, or any.
func nearest(names []string, name string) string {
	if slices.Contains(names, name) {
		return name
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

// stood reports whether name, which is listed so, is there beside another one that
// is not.
func stood(as, name, other string) bool {
	return as == name || strings.EqualFold(as, name) && !strings.EqualFold(name, other)
}

// found turns the error of a look at a name into whether it is there.
func found(err error) (bool, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func listed(names []tree.DirName, name string) bool {
	_, ok := findName(names, name)
	return ok
}

func lstatError(d *tree.Dir, name string) error {
	_, err := d.Lstat(name)
	return err
}

// spellings are names that a folder of the destination has and does not list: its file
// system takes other names for them. The items listed under those names were delivered.
type spellings struct {
	dir    *tree.Dir
	absent map[string][]string // the names, by key
	items  []tree.Info         // what they lead to, where the system has identities
}

// otherSpellings looks for known names, and reserved ones, in d, which lists names.
func otherSpellings(d *tree.Dir, names []tree.DirName, known iter.Seq[string], reserved map[string]bool) *spellings {
	s := &spellings{dir: d, absent: make(map[string][]string)}
	add := func(name string) {
		if listed(names, name) || tree.CheckName(name) != nil {
			return
		}
		info, err := d.Lstat(name)
		if err != nil {
			return
		}
		key := tree.FoldKey(name)
		s.absent[key] = append(s.absent[key], name)
		if knownInode(info) {
			s.items = append(s.items, info)
		}
	}
	for name := range known {
		add(name)
	}
	for name := range reserved {
		add(name)
	}
	return s
}

// of returns the name that is listed as name, empty if there is none.
func (s *spellings) of(name string) string {
	if len(s.absent) == 0 {
		return ""
	}
	for _, other := range s.absent[tree.FoldKey(name)] {
		if rel, err := new(listing).relate(s.dir, other, name, false, false); err == nil && rel == storage.Together {
			return other
		}
	}
	return ""
}

// borrowed reports whether d lists nothing of name's key, though name is there. What
// makes up names does not tell their case apart.
func borrowed(d *tree.Dir, name string) (bool, error) {
	for _, at := range []string{name, tree.SwapCase(name)} {
		if there, err := found(lstatError(d, at)); err != nil || !there {
			return false, err
		}
	}
	names, err := d.ReadNames()
	if err != nil {
		return false, err
	}
	key := tree.FoldKey(name)
	return !slices.ContainsFunc(names, func(n tree.DirName) bool { return tree.FoldKey(n.Name) == key }), nil
}

// maxListed is how many names are kept of a folder: 16 MiB or so.
const maxListed = 1 << 18

// listing holds the names of the folder that relate listed last. A file system that listed
// two names together tells them apart, whatever became of them since.
type listing struct {
	mu    sync.Mutex // guards what follows
	dir   *tree.Dir
	names []tree.DirName
}

// apart reports whether d is known to have listed both names. It may know nothing.
func (l *listing) apart(d *tree.Dir, a, b string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dir == d && listed(l.names, a) && listed(l.names, b)
}

// read lists d.
func (l *listing) read(d *tree.Dir) ([]tree.DirName, error) {
	names, err := d.ReadNames()
	if err == nil && len(names) <= maxListed {
		l.mu.Lock()
		l.dir, l.names = d, names
		l.mu.Unlock()
	}
	return names, err
}

// findName returns where name is in a list in the order of bytes.
func findName(names []tree.DirName, name string) (at int, listed bool) {
	return slices.BinarySearchFunc(names, name, func(n tree.DirName, name string) int { return strings.Compare(n.Name, name) })
}
