package dest

import (
	"errors"
	"io/fs"
	"path"

	"ferry/transfer/tree"
)

// asides removes what was moved out of the way, in this delivery and by others
// that did not come as far as here.
func (r *pruneRun) asides(volumes *volumes, w *way) error {
	r.prefix = ""
	stood := make(map[string]string)
	for _, a := range w.all() {
		stood[a.name] = a.path
	}
	for _, v := range volumes.all() {
		dirs, err := v.state.all()
		if err != nil {
			r.failed(path.Join(v.state.base.Path(), tree.PartialName), err)
		}
		for _, dir := range dirs {
			gone, err := r.asidesIn(dir, v.state, stood)
			for _, name := range gone {
				w.drop(name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// asidesIn removes what is aside in dir, one of the folders of state, and returns what
// is gone. Stood tells by name where an item was.
func (r *pruneRun) asidesIn(dir *tree.Dir, state *stateFolder, stood map[string]string) (gone []string, err error) {
	at := dir.Path()
	names, err := dir.ReadNames()
	var how removal
	if err == nil {
		how, err = removalIn(dir)
	}
	before := tree.Info{}
	if err == nil {
		before, err = state.base.Stat()
	}
	if err != nil {
		r.failed(at, err)
		return nil, nil
	}
	for _, n := range names {
		if !isAside(n.Name) {
			continue
		}
		where := stood[n.Name]
		if where == "" {
			where = at + "/" + n.Name
		}
		is, err := r.remove(dir, nil, spot{where, where}, n.Name, how)
		if err != nil {
			return gone, err
		}
		if is && r.mode == pruneRemove {
			gone = append(gone, n.Name)
		}
	}
	if len(gone) > 0 {
		if err := state.remove(); err != nil {
			r.failed(at, err)
		}
		r.settle(state.base, before, spot{at: state.base.Path()}, true)
	}
	return gone, nil
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
			if isAside(n.Name) {
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
		if _, err := r.remove(c.dir, nil, spot{c.path, c.path}, c.name, how); err != nil {
			return err
		}
	}
	return nil
}
