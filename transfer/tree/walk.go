package tree

import (
	"context"
	"iter"
	"time"
)

// Source is something to send that the user named.
type Source struct {
	Path string // the user's own path
	// Away, if it is not nil, is what is sent in the place of what Path leads to. Path is
	// what the user calls it then, with slashes.
	Away Away
	Name string // wire name of the top item, see BaseName; unused with Contents
	// Contents sends what is in the folder Path without the folder itself: a
	// Root entry stands for it, and its children land in the destination.
	Contents bool
	// Within, if it is not nil, says where the source is, and Path is only how it is called.
	// Not with Walk.Follow.
	Within *Within
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

	// Bare emits what is Away as it was listed, and looks at no single item.
	Bare bool
}

// Run calls emit for each item, depth first: a folder, its children in the
// bytewise order of their names, then an item of kind FolderEnd with the
// folder's ID. Ids are 1, 2, … in the order of the entries. emit may keep the
// item. Run returns the first error of emit, or the cause of ctx.
func (w *Walk) Run(ctx context.Context, emit func(*Item) error) error {
	r := &walkRun{Walk: w, ctx: ctx, emit: emit, meta: w.Metadata, accounts: NewAccounts(), begun: time.Now()}
	for i := range w.Sources {
		source := r.source
		if w.Sources[i].Within != nil {
			source = r.sourceWithin
		}
		if err := source(i, &w.Sources[i]); err != nil {
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

	queue queue // of what is Away
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
func (r *walkRun) folder(at place, kind Kind, d ground) error {
	info, err := d.stat()
	if err != nil {
		return r.problem(at.display, err)
	}
	if r.otherFileSystem(at, info) {
		return nil
	}
	outer := r.rules
	defer func() { r.rules = outer }()
	if r.rules, err = d.enter(&r.Select, outer, r.relative(at), at.display); err != nil {
		return r.problem(Below(at.display, r.Select.IgnoreFile), err)
	}
	var names iter.Seq2[sight, error]
	if !at.part.some {
		if names, err = d.names(r, at, info); err != nil {
			return r.problem(at.display, err)
		}
	}
	it := &Item{Entry: r.entry(at, kind, info), Info: info, Display: at.display, passage: kind == Root || at.part.some}
	id, end := it.ID, Entry{ID: it.ID, Parent: it.Parent, Kind: FolderEnd}
	if err := d.begin(r, at, it); err != nil {
		return err
	}
	if at.part.some {
		err = r.listed(at, id, d)
	} else {
		err = r.children(at, id, d, names)
	}
	if err != nil {
		return err
	}
	return d.end(r, &Item{Entry: end, Info: info, Display: at.display})
}

func (r *walkRun) children(at place, id uint64, d ground, names iter.Seq2[sight, error]) error {
	var met map[string]bool // names that are listed, or above what is
	count := 0
	for s, err := range names {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if err != nil {
			return r.problem(at.display, err)
		}
		c := at.child(id, s.Name)
		if len(at.part.listed) > 0 && !s.refused() {
			var here int
			if c.part.listed, here = listedBelow(at.part.listed, r.belowSource(at), s.Name); here > 0 {
				if met == nil {
					met = make(map[string]bool)
				}
				met[s.Name] = true
			}
			count += here
		}
		if err := r.child(c, d, &s); err != nil {
			return err
		}
	}
	if count == len(at.part.listed) {
		return nil
	}
	return r.unmet(at, d, met)
}

func (r *walkRun) child(at place, d ground, s *sight) error {
	var info Info
	var absent error
	// A rule may be about folders only. Lstat tells what the listing may not tell.
	kind := s.Kind
	looked := kind == 0 || kind == Symlink && r.Follow
	if looked {
		info, absent = d.look(r, s)
		kind = info.Kind
	}
	if s.refused() {
		return r.problem(at.display, s.found.Err)
	}
	if r.excluded(at, kind == Folder) {
		return nil
	}
	err := CheckName(s.Name)
	if err == nil && (at.depth > MaxDepth || at.length > MaxPath) {
		err = ErrTooDeep
	}
	if err != nil {
		return r.problem(at.display, err)
	}
	if !looked && kind != Folder {
		info, absent = d.look(r, s)
	}
	switch {
	case absent != nil:
		return r.absent(at, absent)
	case kind == Folder || info.Kind == Folder:
		return r.folder(at, Folder, d.child(r, s))
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
	return d.leaf(r, at, s, info)
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
