package tree

import (
	"context"
	"time"
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
	// Follow sends what links point to. Without Follow, a link that is a source is
	// sent as a link, unless its path ends in a slash or it leads to a FIFO or device.
	Follow bool
	// Select says what of the sources is taken. Excluded is called for each item that
	// Select leaves out; it may be nil.
	Select   Selection
	Excluded func(display string, why *Exclusion)
	// Admit is called for each source that is taken, before anything of it is emitted.
	// It gets the source's index, what the source is now and, for a File, its size in
	// bytes. If it returns an error, the source is left out, as a problem. It may be nil.
	Admit func(source int, kind Kind, size int64) error
	// Problem is called for each item that cannot be sent, and once for a folder with all
	// that is in it. The item cannot be read, or is a folder that contains itself, or the
	// error is ErrSpecial, ErrOwnState, ErrName or ErrTooDeep. Run does not look at
	// the content of files. If Problem is nil, the first problem ends the walk.
	Problem func(display string, err error)

	// Metadata is what entries are to carry beyond mode & 0777 and mtime. With Follow
	// they carry no hard links.
	Metadata Metadata
	// Granted returns what of Metadata the receiver takes. Run calls it once at most,
	// before it emits the first hard link or special file; Granted may wait. If it is
	// nil, all is granted.
	Granted func(ctx context.Context) (Metadata, error)
	// HardLinks, with Metadata.HardLinks, remembers the items with several names.
	HardLinks *HardLinks
	// Lost is called for metadata that could not be read; the item is sent. It may be
	// nil.
	Lost func(display string, lost []Loss)

	// Survey, if it is not nil, is shared with other walks of the same sources. Nothing of it
	// is used that was seen before Fresh, which Run asks at each folder; nil is the
	// beginning of Run.
	Survey *Survey
	Fresh  func() time.Time
}

// Run calls emit for each item, depth first: a folder, its children in the
// bytewise order of their names, then an item of kind FolderEnd with the
// folder's ID. Ids are 1, 2, … in the order of the entries. emit may keep the
// item. Run returns the first error of emit, or the cause of ctx.
func (w *Walk) Run(ctx context.Context, emit func(*Item) error) error {
	r := &walkRun{Walk: w, ctx: ctx, emit: emit, meta: w.Metadata, accounts: NewAccounts(), begun: time.Now()}
	for i := range w.Sources {
		if err := r.source(i, &w.Sources[i]); err != nil {
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

	begun time.Time

	meta     Metadata // what is wished for or, with granted, what the receiver takes
	granted  bool     // Granted has answered
	accounts *Accounts

	rules Rules  // for the items of the current folder
	above int    // bytes of a display name before the path below the source
	dev   uint64 // file system of the source

	// lastDir is the folder, at lastPath, of the last source that was no folder itself: a
	// list of sources may name many files of one folder.
	lastPath string
	lastDir  *Dir
}

// place is where an item will be: its name, and its folder on the wire.
type place struct {
	name    string
	parent  uint64
	display string
	depth   int // folders above the item
	length  int // bytes of the slash path, name included; a root entry is an empty name
	part    part
}

// child is the place of name in the folder at p, whose entry is id.
func (p place) child(id uint64, name string) place {
	c := place{name: name, parent: id, depth: p.depth, length: p.length + 1 + len(name)}
	c.display = Below(p.display, name)
	if p.name != "" {
		c.depth++
	}
	return c
}

// folder emits d, what is in it, and its end. A folder whose names or rule file cannot be
// read is reported and not sent: what arrived would be an empty folder.
func (r *walkRun) folder(at place, kind Kind, d *Dir) error {
	info, err := d.Stat()
	if err == nil && d.pool.loops(d) {
		err = errLoop
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	if r.otherFileSystem(at, info) {
		return nil
	}
	outer := r.rules
	defer func() { r.rules = outer }()
	if r.rules, err = r.Select.Enter(outer, d, r.relative(at), at.display); err != nil {
		return r.problem(Below(at.display, r.Select.IgnoreFile), err)
	}
	var names []DirName
	var seen *surveyed
	if !at.part.some {
		if names, seen, err = r.names(at, d, info); err != nil {
			return r.problem(at.display, err)
		}
	}
	e := r.entry(at, kind, info)
	e.Extra = r.extra(at, d, "", info)
	passage := kind == Root || at.part.some
	if err := r.emit(&Item{Entry: e, Dir: d, Info: info, Display: at.display, passage: passage}); err != nil {
		return err
	}
	if at.part.some {
		err = r.listed(at, e.ID, d)
	} else {
		err = r.children(at, e.ID, d, names, seen)
	}
	if err != nil {
		return err
	}
	end := Entry{ID: e.ID, Parent: e.Parent, Kind: FolderEnd}
	return r.emit(&Item{Entry: end, Dir: d, Info: info, Display: at.display})
}

func (r *walkRun) children(at place, id uint64, d *Dir, names []DirName, seen *surveyed) error {
	met := 0
	for i, n := range names {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		c := at.child(id, n.Name)
		if len(at.part.listed) > 0 {
			var here int
			c.part.listed, here = listedBelow(at.part.listed, r.belowSource(at), n.Name)
			met += here
		}
		if err := r.child(c, d, n, glance{seen, i}); err != nil {
			return err
		}
	}
	if met == len(at.part.listed) {
		return nil
	}
	return r.unmet(at, d, names)
}

func (r *walkRun) child(at place, d *Dir, n DirName, g glance) error {
	var info Info
	var absent error
	// A rule may be about folders only. Lstat tells what the listing may not tell.
	kind := n.Kind
	looked := kind == 0 || kind == Symlink && r.Follow
	if looked {
		info, absent = r.look(d, n.Name, g)
		kind = info.Kind
	}
	if r.excluded(at, kind == Folder) {
		return nil
	}
	err := CheckName(n.Name)
	if err == nil && (at.depth > MaxDepth || at.length > MaxPath) {
		err = ErrTooDeep
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	if !looked && kind != Folder {
		info, absent = r.look(d, n.Name, g)
	}
	switch {
	case absent != nil:
		return r.absent(at, absent)
	case kind == Folder || info.Kind == Folder:
		c := d.Child(n.Name)
		c.follow = r.Follow && n.Kind != Folder
		return r.folder(at, Folder, c)
	case at.part.some:
		return r.absent(at, errNotFolder)
	}
	if err := r.missed(at, at.part.listed, errNotFolder); err != nil {
		return err
	}
	if info.Kind == KindOther {
		if ok, err := r.special(info); err != nil {
			return err
		} else if !ok {
			return r.problem(at.display, ErrSpecial)
		}
	}
	if why := r.Select.excludedSize(info); why != nil {
		r.leaveOut(at, why)
		return nil
	}
	return r.leaf(at, d, n.Name, info)
}

// leaf emits a file, link or special file, or a further name of one.
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
	kind := info.Kind
	if kind == KindOther {
		kind = info.Special
	}
	first, more, err := r.link(info)
	if err != nil {
		return err
	}
	if first != 0 {
		kind, target = HardLink, ""
	}
	e := r.entry(at, kind, info)
	e.Target, e.LinkTo, e.Linked = target, first, more
	switch kind {
	case CharDevice, BlockDevice:
		e.Major, e.Minor = info.Major, info.Minor
	case HardLink:
		e.Mode, e.MTime = 0, Time{}
	}
	if kind != HardLink {
		e.Extra = r.extra(at, d, base, info)
	}
	return r.emit(&Item{Entry: e, Dir: d, Info: info, Display: at.display, base: base, follow: r.Follow})
}

// link reports whether the next entry is a further name of an earlier entry, first.
func (r *walkRun) link(info Info) (first uint64, more bool, err error) {
	if !r.meta.HardLinks || r.Follow || r.HardLinks == nil || info.Nlink < 2 {
		return 0, false, nil
	}
	if err := r.ask(); err != nil || !r.meta.HardLinks {
		return 0, false, err
	}
	first, more = r.HardLinks.meet(r.id+1, info)
	return first, more, nil
}

// special reports whether a special file is to be emitted as what it is.
func (r *walkRun) special(info Info) (bool, error) {
	if !r.meta.Devices || info.Special == 0 {
		return false, nil
	}
	err := r.ask()
	return r.meta.Devices, err
}

// ask learns, once, what the receiver takes.
func (r *walkRun) ask() error {
	if r.granted || r.Granted == nil {
		return nil
	}
	m, err := r.Granted(r.ctx)
	if err == nil {
		r.meta, r.granted = m, true
	}
	return err
}

// extra returns what the item has beyond mode and mtime, as far as the walk is to carry
// it and can read it.
func (r *walkRun) extra(at place, d *Dir, base string, info Info) *Extra {
	if !r.meta.Owner && !r.meta.Xattrs {
		return nil
	}
	x, lost := readExtra(d, base, info, r.Follow, r.meta, r.accounts)
	if len(lost) > 0 && r.Lost != nil {
		r.Lost(at.display, lost)
	}
	return x
}

// entry makes the next entry. Only files have a size.
func (r *walkRun) entry(at place, kind Kind, info Info) Entry {
	r.id++
	bits := uint32(0o777)
	if r.meta.Owner {
		bits = 0o7777
	}
	e := Entry{ID: r.id, Parent: at.parent, Kind: kind, Name: at.name, Mode: info.Mode & bits, MTime: info.MTime}
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
