package dest

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"ferry/transfer/tree"
)

// asides removes what was moved out of the way, in this delivery and by others
// that did not come as far as here.
func (r *pruneRun) asides(f *Folder) error {
	r.prefix = ""
	stood := make(map[string]string)
	f.mu.RLock()
	for _, a := range f.asides {
		stood[a.name] = a.path
	}
	f.mu.RUnlock()
	for _, v := range f.eachVolume() {
		if err := r.asidesOf(f, v, stood); err != nil {
			return err
		}
	}
	return nil
}

func (r *pruneRun) asidesOf(f *Folder, v *volume, stood map[string]string) error {
	dirs, err := v.states()
	if err != nil {
		r.failed(path.Join(v.base.Path(), tree.PartialName), err)
	}
	for _, dir := range dirs {
		if err := r.asidesIn(f, v, dir, stood); err != nil {
			return err
		}
	}
	return nil
}

func (r *pruneRun) asidesIn(f *Folder, v *volume, dir *tree.Dir, stood map[string]string) error {
	at := dir.Path()
	names, err := dir.ReadNames()
	var how removal
	if err == nil {
		how, err = removalIn(dir)
	}
	before := tree.Info{}
	if err == nil {
		before, err = v.base.Stat()
	}
	if err != nil {
		r.failed(at, err)
		return nil
	}
	changed := false
	for _, n := range names {
		if !IsAside(n.Name) {
			continue
		}
		where := stood[n.Name]
		if where == "" {
			where = at + "/" + n.Name
		}
		gone, err := r.remove(dir, nil, where, n.Name, how)
		if err != nil {
			return err
		}
		if gone && r.mode == pruneRemove {
			changed = true
			f.dropAside(n.Name)
		}
	}
	if changed {
		if err := v.removeState(); err != nil {
			r.failed(at, err)
		}
		r.settle(v.base, before, v.base.Path(), true)
	}
	return nil
}

// dropAside forgets what is removed, or back in its place.
func (f *Folder) dropAside(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asides = slices.DeleteFunc(f.asides, func(a aside) bool { return a.name == name })
}

// removalIn is what holds for an item in d.
func removalIn(d *tree.Dir) (how removal, err error) {
	info, err := d.Stat()
	if err == nil {
		how.dev = info.Dev
		how.mount, err = mountOfDir(d)
	}
	return how, err
}

// cleared is what would make way in a dry run.
type cleared struct {
	dir  *tree.Dir
	name string
	path string // relative to the destination
}

// MakeWay is Folder.MakeWay.
func (r *Rehearsal) MakeWay(p *Prune) { r.way = &way{Prune: p} }

// MakesWay is Folder.MakesWay.
func (r *Rehearsal) MakesWay() bool { return r.way != nil }

// Clear is Folder.Clear, and takes note for Prune.
func (r *Rehearsal) Clear(e *tree.Entry) error {
	d, err := r.parent(e)
	if err == nil && d == nil {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = r.way.clear(d, e.Name)
	}
	if err != nil {
		return fail("making way for", e.Name, err)
	}
	at := path.Join(d.Path(), e.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleared = append(r.cleared, cleared{d, e.Name, at})
	return nil
}

// wouldClear tells of what would have been moved out of the way, and of what was
// in earlier runs: in the state folder of the destination, since those on other
// file systems below it are not looked for.
func (r *pruneRun) wouldClear(root *tree.Dir, all []cleared) error {
	for _, name := range []string{tree.PartialName, ownStateName()} {
		if name == "" {
			break
		}
		if info, err := root.Lstat(name); err == nil && (info.Kind != tree.Folder || foreign(info)) {
			continue // another user's
		}
		state := root.Child(name)
		names, err := state.ReadNames()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.failed(name, err)
		}
		for _, n := range names {
			if IsAside(n.Name) {
				all = append(all, cleared{state, n.Name, state.Path() + "/" + n.Name})
			}
		}
	}
	for _, c := range all {
		how, err := removalIn(c.dir)
		if err != nil {
			r.failed(c.path, err)
			continue
		}
		if _, err := r.remove(c.dir, nil, c.path, c.name, how); err != nil {
			return err
		}
	}
	return nil
}
