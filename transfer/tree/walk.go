package tree

import (
	"context"
	"fmt"
	"path/filepath"
)

// Source is something to send that the user named.
type Source struct {
	Path string // the user's own path
	Name string // wire name of the top item, see BaseName; unused with Contents
	// Contents sends what is in the folder Path without the folder itself: a
	// Root entry stands for it, and its children land in the destination.
	Contents bool
}

// Walk turns sources into items. Dirs must stay open while items are used.
type Walk struct {
	Sources []Source
	Dirs    *Dirs
	// Follow sends what links point to. A link named as a source is sent as a
	// link without it, unless its path ends in a slash or it leads to a FIFO or
	// device.
	Follow bool
	// Problem is told of each item that is left out, with its children, or whose
	// children are: unreadable, or with ErrSpecial, ErrOwnState, ErrName,
	// ErrTooDeep, ErrLoop. If nil, the first problem ends the walk.
	Problem func(display string, err error)
}

// Run calls emit for each item, depth first: a folder, its children in the
// bytewise order of their names, then an item of kind FolderEnd with the
// folder's ID. Ids are 1, 2, … in the order of the entries. The item may be
// kept by emit. Run returns the first error of emit, or the cause of ctx.
func (w *Walk) Run(ctx context.Context, emit func(*Item) error) error {
	r := &walkRun{Walk: w, ctx: ctx, emit: emit}
	for i := range w.Sources {
		if err := r.source(&w.Sources[i]); err != nil {
			return err
		}
	}
	return nil
}

type walkRun struct {
	*Walk
	ctx  context.Context
	emit func(*Item) error
	id   uint64 // of the last entry

	// The folder of the last source that was not one, for lists of many files in
	// one folder.
	lastPath string
	lastDir  *Dir
}

// place is where an item will be: under which name, in which folder of the wire.
type place struct {
	name    string
	parent  uint64
	display string
	depth   int // folders above
	length  int // bytes of the slash path, name included
}

func (r *walkRun) source(s *Source) error {
	at := place{name: s.Name, display: s.Path, length: len(s.Name)}
	if s.Contents {
		at = place{display: s.Path}
		return r.folder(at, Root, r.Dirs.lazy(s.Path))
	}
	if err := CheckName(s.Name); err != nil {
		return r.problem(at.display, err)
	}
	trimmed := trimSlashes(s.Path)
	parent, base := filepath.Split(trimmed)
	asFolder := trimmed != s.Path || base == "" || base == "." || base == ".."
	info, err := statPath(s.Path, r.Follow) // follows anyway before a slash
	switch {
	case err != nil:
		return r.problem(at.display, err)
	case info.Kind == Folder:
		return r.sourceFolder(at, s.Path, info)
	case asFolder:
		return r.problem(at.display, fmt.Errorf("%q: %w", s.Path, ErrNotFolder))
	}
	if parent == "" {
		parent = "."
	}
	if r.lastDir == nil || r.lastPath != parent {
		r.lastPath, r.lastDir = parent, r.Dirs.lazy(parent)
	}
	follow := r.Follow
	if info.Kind == Symlink {
		// Such a link stands for a stream: /dev/stdin, or a shell's <(command).
		if end, err := r.lastDir.stat(base, true); err == nil && end.Kind == KindOther {
			info, follow = end, true
		}
	}
	if info.Kind == KindOther {
		e := r.entry(at, Stream, info)
		e.Size = -1
		return r.emit(&Item{Entry: e, Dir: r.lastDir, Info: info, Display: at.display, base: base, follow: follow})
	}
	return r.leaf(at, r.lastDir, base, info)
}

// sourceFolder walks a named folder, if it is still the one that info is of: a
// link put in its place would be followed.
func (r *walkRun) sourceFolder(at place, path string, info Info) error {
	d := r.Dirs.lazy(path)
	now, err := d.Stat()
	if err == nil && !now.SameFile(info) {
		err = d.fail("open", "", ErrReplaced)
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	return r.folder(at, Folder, d)
}

// folder emits d, what is in it, and its end.
func (r *walkRun) folder(at place, kind Kind, d *Dir) error {
	info, err := d.Stat()
	if err == nil && d.insideItself() {
		err = ErrLoop
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	e := r.entry(at, kind, info)
	if err := r.emit(&Item{Entry: e, Dir: d, Info: info, Display: at.display}); err != nil {
		return err
	}
	if err := r.children(at, e.ID, d); err != nil {
		return err
	}
	end := Entry{ID: e.ID, Parent: e.Parent, Kind: FolderEnd}
	return r.emit(&Item{Entry: end, Dir: d, Info: info, Display: at.display})
}

func (r *walkRun) children(at place, id uint64, d *Dir) error {
	names, err := d.ReadNames()
	if err != nil {
		return r.problem(at.display, err)
	}
	display := at.display
	if display == "" || !isSlash(display[len(display)-1]) {
		display += "/"
	}
	for _, n := range names {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		c := place{name: n.Name, parent: id, display: display + n.Name, depth: at.depth, length: at.length + len(n.Name)}
		if at.name != "" {
			c.depth, c.length = c.depth+1, c.length+1
		}
		if err := r.child(c, d, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *walkRun) child(at place, d *Dir, n DirName) error {
	err := CheckName(n.Name)
	if err == nil && (at.depth > MaxDepth || at.length > MaxPath) {
		err = ErrTooDeep
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	if n.Kind == Folder {
		return r.folder(at, Folder, d.Child(n.Name))
	}
	info, err := d.stat(n.Name, r.Follow)
	switch {
	case err != nil:
		return r.problem(at.display, err)
	case info.Kind == Folder:
		c := d.Child(n.Name)
		c.follow = r.Follow
		return r.folder(at, Folder, c)
	case info.Kind == KindOther:
		return r.problem(at.display, ErrSpecial)
	}
	return r.leaf(at, d, n.Name, info)
}

// leaf emits a file or link.
func (r *walkRun) leaf(at place, d *Dir, base string, info Info) error {
	var target string
	if info.Kind == Symlink {
		var err error
		if target, err = d.Readlink(base); err == nil {
			err = CheckTarget(target)
		}
		if err != nil {
			return r.problem(at.display, err)
		}
	}
	e := r.entry(at, info.Kind, info)
	e.Target = target
	return r.emit(&Item{Entry: e, Dir: d, Info: info, Display: at.display, base: base, follow: r.Follow})
}

// entry makes the next entry. Only files have a size.
func (r *walkRun) entry(at place, kind Kind, info Info) Entry {
	r.id++
	e := Entry{ID: r.id, Parent: at.parent, Kind: kind, Name: at.name, Mode: info.Mode & 0o777, MTime: info.MTime}
	if kind == File {
		e.Size = info.Size
	}
	return e
}

func (r *walkRun) problem(display string, err error) error {
	if r.Problem == nil {
		return err
	}
	r.Problem(display, err)
	return nil
}
