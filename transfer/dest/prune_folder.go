package dest

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// folder removes what d has and none of its twins has, and goes on in the folders
// that d and one of them have. here is where d is; reserved are names that others see to.
func (r *pruneRun) folder(d *tree.Dir, twins []twin, here spot, reserved map[string]bool) error {
	names, err := d.ReadNames()
	before := tree.Info{}
	if err == nil {
		before, err = d.Stat()
	}
	if err != nil {
		r.failed(r.at(here), err)
		return nil
	}
	var extra []string
	var others *spellings
	for _, n := range names {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if tree.IsStateName(n.Name) || reserved[n.Name] {
			continue
		}
		t, kind, name, err := r.findStored(d, twins, n.Name)
		if err == nil && t == nil {
			if others == nil {
				others = otherSpellings(d, names, r.known(d, twins), reserved)
			}
			if name = others.of(n.Name); reserved[name] {
				continue
			}
			if name != "" {
				t, kind, name, err = r.findStored(d, twins, name)
			}
		}
		switch {
		case err != nil:
			r.failed(r.at(here.in(n.Name, name)), err)
		case t == nil:
			extra = append(extra, n.Name)
		case kind == tree.Folder:
			if err := r.descend(d, n.Name, t, here, name); err != nil {
				return err
			}
		}
	}
	if len(extra) == 0 {
		return nil
	}
	if here.at == "" {
		if err := r.refuseEmpty(twins); err != nil {
			return err
		}
	}
	mount, err := mountOfDir(d)
	if err != nil {
		r.failed(r.at(here), err)
		return nil
	}
	changed, in := false, &opened{dir: d, before: before}
	for _, name := range extra {
		var gone bool
		gone, err = r.remove(d, twins, here.in(name, r.storing.original(name)), name, removal{dev: before.Dev, mount: mount, in: in, spared: others.items})
		if changed = changed || gone; err != nil {
			break
		}
	}
	r.settle(d, before, here, changed || in.done)
	return err
}

// settle gives a folder its mode and time back once something was removed in it, and
// makes the removal durable.
func (r *pruneRun) settle(d *tree.Dir, before tree.Info, here spot, changed bool) {
	if !changed || r.mode != pruneRemove {
		return
	}
	// Doubt, on every file system: it costs one look at the folder. libfuse 2, as in
	// exfat-fuse, takes a call that leaves the atime out and does nothing.
	was := &tree.Apply{Mode: before.Mode & 0o777, MTime: before.MTime, Doubt: true}
	_, err := was.ToFolder(d)
	if errors.Is(err, syscall.EPERM) && foreign(before) {
		err = nil // it had no time of the source's to keep
	}
	if r.sync != nil {
		err = errors.Join(err, r.sync(d))
	}
	if err != nil {
		r.failed(r.at(here), err)
	}
}

// find returns the twin that has name, and what it is there.
func (r *pruneRun) find(twins []twin, name string) (*twin, tree.Kind, error) {
	for i := range twins {
		kind, err := twins[i].Find(name)
		if err != nil {
			return nil, 0, err
		}
		if kind != 0 {
			return &twins[i], kind, nil
		}
	}
	return nil, 0, nil
}

// findStored is find for an item that is stored in d as at. It returns its name at the source
// too; at itself if there is none.
func (r *pruneRun) findStored(d *tree.Dir, twins []twin, at string) (*twin, tree.Kind, string, error) {
	t, kind, err := r.find(twins, at)
	if t != nil || err != nil || !strings.Contains(at, "%") {
		return t, kind, at, err
	}
	for i := range twins {
		t := &twins[i]
		own, escaped := r.escaped(d, t)[at]
		if !escaped {
			continue
		}
		if kind, err := t.Find(own); err != nil || kind != 0 {
			return t, kind, own, err
		}
	}
	return nil, 0, at, nil
}

// escaped is storing.escaped for t, beside d. It is made once.
func (r *pruneRun) escaped(d *tree.Dir, t *twin) map[string]string {
	if t.escaped == nil && r.storing.escapes() {
		t.escaped = r.storing.escaped(d, t.names)
	}
	return t.escaped
}

// known are the names under which items of the twins may stand in d: their own, and escaped
// ones.
func (r *pruneRun) known(d *tree.Dir, twins []twin) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range twins {
			for _, n := range twins[i].names {
				if !yield(n.Name) {
					return
				}
			}
			for name := range r.escaped(d, &twins[i]) {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// descend goes into a folder that d and t have: d lists it as at, t as name.
func (r *pruneRun) descend(d *tree.Dir, at string, t *twin, in spot, name string) error {
	here := in.in(at, name)
	kept, err := r.kept([]twin{*t}, here, true)
	if kept {
		return nil
	}
	var info tree.Info
	if err == nil {
		info, err = d.Lstat(at)
	}
	if err == nil && info.Kind != tree.Folder || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	next := twin{SourceFolder: t.Child(name)}
	var look storage.FolderLook
	if err == nil {
		look, err = next.Look()
		next.mtime, next.names = look.MTime, look.Names
	}
	if err == nil && look.Foreign {
		return nil
	}
	if err == nil && r.mode != pruneRehearse && look.MTime != r.told(info) && !r.times.keep(look.MTime, info) {
		err = storage.ErrSourceChanged
	}
	if err == nil && strings.Count(here.at, "/") > tree.MaxDepth {
		err = tree.ErrTooDeep
	}
	if err != nil {
		r.failed(r.at(here), err)
		return nil
	}
	return r.folder(d.Child(at), []twin{next}, here, nil)
}

// removal is what holds for an item to be removed and all that is in it.
type removal struct {
	dev    uint64      // of the folder that it is in
	mount  uint64      // of it too: a folder bound in from elsewhere may have the same dev
	depth  int         // folders between that and the item
	in     *opened     // the folder that it is in; nil for one that can be written to
	spared []tree.Info // items that have another name there
}

// opened is a folder from which something is removed. If it is read-only and this user's,
// it is made writable meanwhile, as it is for putting something into it.
type opened struct {
	dir    *tree.Dir
	before tree.Info
	done   bool // its mode is another one now
}

// open lets this user write to the folder, if only its mode is in the way. If it
// cannot be changed, what is refused next says so.
func (o *opened) open() {
	if o == nil || o.done || o.before.Mode&0o300 == 0o300 || privileged() || foreign(o.before) {
		return
	}
	o.done = o.dir.SetMode(o.before.Mode&0o777|0o700) == nil
}

// restore gives the folder its mode back.
func (o *opened) restore() error {
	if !o.done {
		return nil
	}
	return o.dir.SetMode(o.before.Mode)
}

// remove removes name from d, with what is in it, and reports whether it is gone.
func (r *pruneRun) remove(d *tree.Dir, twins []twin, here spot, name string, how removal) (gone bool, err error) {
	if r.ctx.Err() != nil {
		return false, context.Cause(r.ctx)
	}
	info, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	folder := info.Kind == tree.Folder
	var kept bool
	if err == nil {
		kept, err = r.kept(twins, here, folder)
	}
	switch {
	case err == nil && (kept || r.protects(name, info) || r.isSource(info) || slices.ContainsFunc(how.spared, info.SameFile)):
		return false, nil
	case err == nil && folder && info.Dev != how.dev:
		err = storage.ErrMounted
	case err == nil && how.depth > tree.MaxDepth:
		err = tree.ErrTooDeep
	}
	if err == nil && folder {
		var mount uint64
		if mount, err = mountOfDir(d.Child(name)); err == nil && mount != how.mount {
			err = storage.ErrMounted
		}
	}
	if err != nil {
		r.failed(r.at(here), err)
		return false, nil
	}
	if folder {
		inside := &opened{dir: d.Child(name), before: info}
		defer func() {
			if gone {
				return
			}
			if err := inside.restore(); err != nil {
				r.failed(r.at(here), err)
			}
		}()
		below := removal{dev: how.dev, mount: how.mount, depth: how.depth + 1, in: inside}
		if empty, err := r.removeAll(inside.dir, twins, here, below); err != nil || !empty {
			return false, err
		}
	}
	if err := r.take(); err != nil {
		return false, err
	}
	if r.Backup != nil && !folder {
		if r.mode == pruneRemove {
			how.in.open()
		}
		beside := twins
		if how.depth > 0 {
			beside = nil // the source has not the folder that it is in
		}
		if err := r.backUp(d, beside, here, name); err != nil {
			r.failed(r.at(here), err)
			return false, nil
		}
	}
	if r.mode == pruneRemove {
		how.in.open()
		if err := d.Remove(name, folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.failed(r.at(here), err)
			return false, nil
		}
	}
	if r.mode != pruneCount {
		r.Removed(r.at(here), info)
	}
	return true, nil
}

// removeAll removes what is in d, and reports whether nothing is left.
func (r *pruneRun) removeAll(d *tree.Dir, twins []twin, here spot, how removal) (empty bool, err error) {
	names, err := d.ReadNames()
	if err != nil {
		r.failed(r.at(here), err)
		return false, nil
	}
	empty = true
	for _, n := range names {
		gone, beside := false, r.beside
		if !tree.IsStateName(n.Name) {
			if gone, err = r.remove(d, twins, here.in(n.Name, r.storing.original(n.Name)), n.Name, how); err != nil {
				return false, err
			}
		}
		empty = empty && gone && r.beside == beside
	}
	if !empty && r.mode != pruneCount {
		r.Left(r.at(here))
	}
	return empty, nil
}

// mountOfDir returns the mount that d is on, 0 where the system does not tell.
func mountOfDir(d *tree.Dir) (uint64, error) {
	handle, err := d.Handle()
	if err != nil {
		return 0, err
	}
	return mountOf(handle), handle.Close()
}

// at is p as a path relative to the destination.
func (r *pruneRun) at(p spot) string {
	if path := strings.TrimSuffix(r.prefix+p.at, "/"); path != "" {
		return path
	}
	return "."
}

func join(rel, name string) string {
	if rel == "" {
		return name
	}
	return rel + "/" + name
}
