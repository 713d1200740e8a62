package dest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Relate reports how e's name is related to another one in e's folder. The names
// share a tree.FoldKey. It looks at what stands there, and makes nothing. Stands says
// that the caller has seen to it that something has the other name.
func (f *Folder) Relate(e *tree.Entry, other string, stands bool) (storage.Relation, error) {
	n, err := f.parent(e)
	if err != nil {
		return storage.Unknown, fail("looking at", e.Name, err)
	}
	r, err := f.listing.relate(n.dir, e.Name, other, stands, numbersItems(n.vol.doubtful))
	return r, f.fail("looking at", e, err)
}

// Relate is Folder.Relate. Where nothing has either name, the names that are there
// say whether such are told apart; on an empty file system it stays Unknown.
func (r *Rehearsal) Relate(e *tree.Entry, other string, _ bool) (storage.Relation, error) {
	d, err := r.parent(e)
	if err != nil {
		return storage.Unknown, fail("looking at", e.Name, err)
	}
	if d != nil {
		if rel, err := r.listing.relate(d, e.Name, other, false, r.numbersItems(d)); err != nil || rel != storage.Unknown {
			return rel, fail("looking at", e.Name, err)
		}
	}
	if d == nil {
		d = r.above(e.Parent)
	}
	return r.foretell(d, strings.EqualFold(e.Name, other)), nil
}

// numbersItems reports whether what d is on is known to number items.
func (r *Rehearsal) numbersItems(d *tree.Dir) bool {
	info, err := d.Stat()
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known, asked := r.numbered[info.Dev]
	if asked {
		return known
	}
	handle, err := d.Handle()
	if err != nil {
		return false
	}
	defer handle.Close() // read only
	_, doubtful, _ := nature(handle)
	r.numbered[info.Dev] = numbersItems(doubtful)
	return r.numbered[info.Dev]
}

// numbersItems is that for a file system of which nature told whether it is doubtful.
// Elsewhere than on Linux it looks at none.
func numbersItems(doubtful bool) bool { return !doubtful && runtime.GOOS == "linux" }

// relate compares two names in d by what they lead to. Identity alone does not
// decide: two hard links have one, and some file systems number names and not
// items. What is listed under both names is two items, or two names of one. Numbered
// says that the file system numbers items: two numbers are two items there. There, and
// where one listing has shown both, a folder, which may be large, is not listed again.
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

// Unmake removes the folder e.ID, which MakeFolder made and nothing was put into.
func (f *Folder) Unmake(e *tree.Entry) error {
	f.mu.Lock()
	n := f.nodes[e.ID]
	delete(f.nodes, e.ID)
	f.mu.Unlock()
	if n == nil || n.existed {
		return nil
	}
	return f.fail("removing", e, n.dir.Parent().Remove(n.name, true))
}

// Unmake is Folder.Unmake.
func (r *Rehearsal) Unmake(e *tree.Entry) error { return r.FinishFolder(e) }

// above is the nearest folder that is there of those the folder id would be in; nil
// if it cannot be opened.
func (r *Rehearsal) above(id uint64) *tree.Dir {
	r.mu.Lock()
	d := r.over[id]
	r.mu.Unlock()
	switch {
	case d != nil:
		return d
	case r.root != nil:
		return r.root
	}
	d, _ = r.dirs.Open(r.space.Name()) // what cannot be looked at tells nothing
	return d
}

// foretell tells whether names in d that differ in case, or else in the form of
// letters, are related, by a name that is there, in d or in a folder above it on its
// file system.
func (r *Rehearsal) foretell(d *tree.Dir, cases bool) storage.Relation {
	if d == nil {
		return storage.Unknown
	}
	if foldsCase(d) {
		return storage.Together
	}
	info, err := d.Stat()
	if err != nil {
		return storage.Unknown
	}
	at := r.space.Name()
	for {
		if rel := foretellIn(d, cases); rel != storage.Unknown {
			return rel
		}
		if d = d.Parent(); d == nil { // a root: above it are folders that no delivery comes to
			if at == filepath.Dir(at) {
				return storage.Unknown
			}
			at = filepath.Dir(at)
			d, _ = r.dirs.Open(at)
		}
		if d == nil {
			return storage.Unknown
		}
		if up, err := d.Stat(); err != nil || up.Dev != info.Dev {
			return storage.Unknown
		}
	}
}

// foretellIn tries the first name in d that has another spelling of that kind.
func foretellIn(d *tree.Dir, cases bool) storage.Relation {
	names, err := d.ReadNames()
	if err != nil {
		return storage.Unknown
	}
	for _, n := range names {
		i := slices.IndexFunc(tree.Spellings(n.Name), func(other string) bool {
			return strings.EqualFold(n.Name, other) == cases && !listed(names, other)
		})
		if i < 0 {
			continue
		}
		other := tree.Spellings(n.Name)[i]
		switch there, err := found(lstatError(d, other)); {
		case err != nil:
			return storage.Unknown
		case there:
			return storage.Together
		}
		return storage.Apart
	}
	return storage.Unknown
}

func lstatError(d *tree.Dir, name string) error {
	_, err := d.Lstat(name)
	return err
}

// spellings are names that a folder of the destination has, and does not list: its
// file system takes others for them. What it lists in their place is delivered.
type spellings struct {
	dir    *tree.Dir
	absent map[string][]string // the names, by key
	items  []tree.Info         // what they lead to, where the system has identities
}

// otherSpellings looks for the names of twins, and reserved ones, in d, which
// lists names.
func otherSpellings(d *tree.Dir, names []tree.DirName, twins []twin, reserved map[string]bool) *spellings {
	s := &spellings{dir: d, absent: make(map[string][]string)}
	add := func(name string) {
		if listed(names, name) {
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
	for i := range twins {
		for _, n := range twins[i].names {
			add(n.Name)
		}
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

// Borrowed reports whether what stands under e's name is another item, for which
// the file system has made that name up (tree.IsShortName).
func (f *Folder) Borrowed(e *tree.Entry) (bool, error) {
	n, err := f.parent(e)
	if err != nil {
		return false, fail("looking at", e.Name, err)
	}
	is, err := borrowed(n.dir, e.Name)
	return is, f.fail("looking at", e, err)
}

// Borrowed is Folder.Borrowed.
func (r *Rehearsal) Borrowed(e *tree.Entry) (bool, error) {
	d, err := r.parent(e)
	if err != nil || d == nil {
		return false, fail("looking at", e.Name, err)
	}
	is, err := borrowed(d, e.Name)
	return is, fail("looking at", e.Name, err)
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
