package object

import (
	"cmp"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"ferry/transfer/object/bucket"
	"ferry/transfer/tree"
)

// folder is the keys below a prefix: tree.AwayFolder.
type folder struct {
	s      *Source
	prefix string // relative to the place; empty, or with a slash behind
	// info is what a listing told; without a Kind nobody has listed it. Marked says that it
	// has a key of its own, so that it is there without others.
	info   tree.Info
	marked bool

	cursor *cursor // has come to it, while it is cursor.at
}

// What a folder is whose key, if it has one, tells no more. Its time is that of the first key
// below it, since stores have no folders: it stays the same as long as that key does.
const folderMode = 0o755

func folderInfo(first bucket.Object) tree.Info {
	return tree.Info{Kind: tree.Folder, Mode: folderMode, MTime: timeOf(first.Modified), Allocated: -1}
}

// Stat is tree.AwayFolder's.
func (f *folder) Stat() (tree.Info, error) {
	if f.info.Kind != 0 {
		return f.info, nil
	}
	for l, err := range f.s.b.List(f.s.ctx, f.prefix, true) {
		if err != nil {
			return tree.Info{}, f.s.failed(err)
		}
		if l.Key != f.prefix || l.Size > 0 {
			return folderInfo(l.Object), nil
		}
		return f.s.item(f.s.b, l.Object).Stat()
	}
	above, name := f.s.b.Above()
	switch {
	case f.prefix != "":
	case above == nil:
		return folderInfo(bucket.Object{}), nil
	case f.marked:
		mark, err := above.Head(f.s.ctx, name+"/")
		if err != nil {
			return tree.Info{}, f.s.failed(err)
		}
		return folderInfo(mark), nil
	}
	return tree.Info{}, &fs.PathError{Op: "look for", Path: f.s.place + "/" + f.prefix, Err: fs.ErrNotExist}
}

// Why a key is no item.
var (
	errUnclean = errors.New("its key is no clean path")
	errHeavy   = errors.New("its key ends in a slash, as that of a folder does, and it has content")
)

// All is tree.AwayFolder's. Where a list of all keys has come to the folder, it goes on with
// that.
func (f *folder) All() iter.Seq2[tree.Found, error] {
	return func(yield func(tree.Found, error) bool) {
		c := f.cursor
		if c == nil || c.at != f {
			c = newCursor(f.s, f.prefix)
			defer c.close()
		}
		c.at = nil
		if c.more(f.prefix) && c.key().Key == f.prefix && c.key().Size == 0 {
			c.take() // the folder itself
		}
		for c.more(f.prefix) {
			found, below := f.next(c)
			if !yield(found, nil) {
				return
			}
			for below != "" && c.more(below) {
				c.take() // nobody wanted to know
			}
			c.at = nil
		}
		if err := c.failure(); err != nil {
			yield(tree.Found{}, err)
		}
	}
}

// next makes an item of the key at hand, and of those below it. Below is the prefix that
// those have.
func (f *folder) next(c *cursor) (found tree.Found, below string) {
	o := c.key()
	rest := o.Key[len(f.prefix):]
	name, _, isFolder := strings.Cut(rest, "/")
	switch {
	case rest == "":
		c.take()
		return tree.Found{Name: rest, Err: errHeavy}, ""
	case unclean(name):
		c.take()
		return tree.Found{Name: rest, Err: errUnclean}, ""
	case !isFolder:
		c.take()
		found = f.s.file(o, name)
		if c.more(o.Key + "/") {
			found.Err = errBoth
		}
		return found, ""
	}
	below = f.prefix + name + "/"
	child := &folder{s: f.s, prefix: below, info: folderInfo(o), cursor: c}
	found = tree.Found{Name: name, Info: child.info, Folder: child}
	if o.Key == below && o.Size == 0 {
		c.take()
		found.Item, child.marked = f.s.item(f.s.b, o), true
	}
	c.at = child
	return found, below
}

// unclean reports whether a name is none, and what is below it no item of a folder.
func unclean(name string) bool { return name == "" || name == "." || name == ".." }

// Names is tree.AwayFolder's. All names are in memory.
func (f *folder) Names() iter.Seq2[tree.Found, error] {
	return func(yield func(tree.Found, error) bool) {
		var all []tree.Found
		for l, err := range f.s.b.List(f.s.ctx, f.prefix, false) {
			if err != nil {
				yield(tree.Found{}, f.s.failed(err))
				return
			}
			name, isFolder := strings.CutSuffix(l.Key[len(f.prefix):], "/")
			switch {
			case name == "" && !isFolder: // the folder itself
			case unclean(name):
				all = append(all, tree.Found{Name: name, Err: errUnclean})
			case isFolder:
				child := &folder{s: f.s, prefix: l.Key}
				all = append(all, tree.Found{Name: name, Info: tree.Info{Kind: tree.Folder}, Folder: child})
			default:
				all = append(all, f.s.file(l.Object, name))
			}
		}
		slices.SortStableFunc(all, func(a, b tree.Found) int { return cmp.Compare(a.Name, b.Name) })
		for i := range all {
			if i+1 < len(all) && all[i].Name == all[i+1].Name && all[i].Folder == nil && all[i].Err == nil {
				all[i].Err = errBoth
			}
			if !yield(all[i], nil) {
				return
			}
		}
	}
}

// Find is tree.AwayFolder's.
func (f *folder) Find(name string) (tree.Found, error) {
	if unclean(name) {
		return tree.Found{}, fs.ErrNotExist
	}
	key := f.prefix + name
	o, err := f.s.b.Head(f.s.ctx, key)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tree.Found{}, f.s.failed(err)
	}
	isFile := err == nil
	found := tree.Found{Name: name}
	if isFile {
		item := f.s.item(f.s.b, o)
		item.looked = true
		found.Info, found.Item = item.info(o), item
	}
	for l, err := range f.s.b.List(f.s.ctx, key+"/", true) {
		switch {
		case err != nil:
			return found, f.s.failed(err)
		case isFile:
			found.Err = errBoth
			return found, nil
		}
		child := &folder{s: f.s, prefix: key + "/", info: folderInfo(l.Object)}
		found.Info, found.Folder = child.info, child
		if l.Key == child.prefix && l.Size == 0 {
			found.Item, child.marked = f.s.item(f.s.b, l.Object), true
		}
		return found, nil
	}
	if !isFile {
		return found, &fs.PathError{Op: "look for", Path: name, Err: fs.ErrNotExist}
	}
	return found, nil
}

// file is an object that was listed, as an item.
func (s *Source) file(o bucket.Object, name string) tree.Found {
	item := s.item(s.b, o)
	return tree.Found{Name: name, Info: item.info(o), Item: item}
}
