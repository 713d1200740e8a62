package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"
	"syscall"

	"ferry/transfer/tree"
)

// asideSuffix is that of names in the state folder, "<random>.aside", under which
// is kept what stood in the way of an item of another kind. Prune removes it; until
// then nothing of it is lost.
const asideSuffix = ".aside"

// IsAside reports whether a path that Leftovers returned is of such an item.
func IsAside(p string) bool { return strings.HasSuffix(p, asideSuffix) }

func asideName() string { return strings.TrimSuffix(tempName(), tempSuffix) + asideSuffix }

// aside is what this delivery moved out of the way.
type aside struct {
	dir  *tree.Dir // the state folder
	name string    // in it
	path string    // where it stood, relative to the destination
}

// inWay is why an item makes no way for one of another kind.
type inWay string

func (e inWay) Error() string { return "an item of another kind has that name, " + string(e) }
func (e inWay) Unwrap() error { return syscall.EISDIR }

const (
	errStays  inWay = "and it or something in it is to stay"
	errBeside inWay = "outside of the folders that are copied whole"
)

// way is the leave to put an item in the place of one of another kind.
type way struct {
	*Prune
	n int64 // items that are in the way, or in folders that are; plan's
}

// MakeWay gives leave to put items in the place of folders, and folders in the
// place of other items, in the folders that p is to be called with after the
// delivery: of what would go then. It comes before anything else.
func (f *Folder) MakeWay(p *Prune) { f.way = &way{Prune: p} }

// MakesWay reports whether MakeWay was called.
func (f *Folder) MakesWay() bool { return f.way != nil }

// Clear reports, as an error, whether what has e's name may not make way for e. It
// changes nothing. Callers come one at a time.
func (f *Folder) Clear(e *tree.Entry) error {
	n, err := f.parent(e)
	if err == nil {
		err = f.way.clear(n.dir, e.Name)
	}
	return f.fail("making way for", e, err)
}

// clear checks name in d, a folder at the destination, and counts what goes.
func (w *way) clear(d *tree.Dir, name string) error {
	n, err := w.mayGo(d, name, w.Max-w.n)
	if err == nil {
		w.n += n
	}
	return err
}

// mayGo counts the items that go with name in d, at most limit.
func (w *way) mayGo(d *tree.Dir, name string, limit int64) (int64, error) {
	within := *w.Prune
	within.Max = limit
	r := pruneRun{Prune: &within, ctx: context.Background(), mode: pruneCount}
	at := name
	if above := d.Path(); above != "" {
		at = above + "/" + name
	}
	twins, rel, err := r.twinsOf(at)
	if err != nil {
		return 0, err
	}
	how, err := removalIn(d)
	if err != nil {
		return 0, err
	}
	gone, err := r.remove(d, twins, rel, name, how)
	switch {
	case errors.Is(err, ErrTooMany):
		most := fmt.Sprintf("%d items", w.Max)
		if w.Max == 1 {
			most = "one item"
		}
		return 0, inWay("and with what is in it more than the " + most + " would go that may")
	case err == nil && !gone:
		err = errStays
	}
	return r.n, err
}

// twinsOf returns the source folders that have the folder which at, a path at the
// destination, is in, and the path below them. There are none for the place of a
// source itself.
func (r *pruneRun) twinsOf(at string) (twins []twin, rel string, err error) {
	var in []*PruneSource
	first, below, deep := strings.Cut(at, "/")
	rel = at
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name == first {
			if s.Dir == nil {
				return nil, "", errBeside
			}
			if !deep {
				return nil, at, nil
			}
			in, rel, r.prefix = []*PruneSource{s}, below, first+"/"
			break
		}
		if s.Name == "" && s.Dir != nil {
			in = append(in, s)
		}
	}
	for _, s := range in {
		t, err := r.twinAt(s, path.Dir(rel))
		if err == nil {
			twins = append(twins, t)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	if len(twins) == 0 {
		err = errBeside
	}
	return twins, rel, err
}

// twinAt is the folder at the slash path rel in s, with the rules for what is in it.
func (r *pruneRun) twinAt(s *PruneSource, rel string) (twin, error) {
	t := twin{dir: s.Dir, rules: r.Select.Rules}
	if err := r.enter(&t, ""); err != nil || rel == "." {
		return t, err
	}
	at := ""
	for name := range strings.SplitSeq(rel, "/") {
		at = join(at, name)
		if t.dir = t.dir.Child(name); r.Follow {
			t.dir = t.dir.Parent().FollowChild(name)
		}
		if _, err := t.dir.Stat(); err != nil {
			return t, err
		}
		if err := r.enter(&t, at); err != nil {
			return t, err
		}
	}
	return t, nil
}

// trade puts temp, of the state folder dir, in the place of the folder name in n,
// at once where the system can, and keeps that aside. After an error temp is where
// it was, and so is the folder.
func (f *Folder) trade(dir *tree.Dir, temp string, n *node, name string) error {
	// Once more: a while has passed since Clear, which has counted it.
	if _, err := f.way.mayGo(n.dir, name, math.MaxInt64); err != nil {
		return err
	}
	// Both take turns with one name, so that none of a killed run's looks like a
	// partial that is a folder.
	kept := asideName()
	if err := dir.Rename(temp, dir, kept, false); err != nil {
		return err
	}
	err := dir.Exchange(kept, n.dir, name)
	switch {
	case err == nil:
		f.noteAside(aside{dir, kept, n.path(name)})
	case errors.Is(err, errors.ErrUnsupported):
		err = f.tradeInSteps(dir, kept, n, name)
	}
	if err != nil {
		err = errors.Join(err, dir.Rename(kept, dir, temp, false))
	}
	return err
}

// tradeInSteps is trade where the system cannot exchange two names: for a moment
// there is nothing under the name.
func (f *Folder) tradeInSteps(dir *tree.Dir, temp string, n *node, name string) error {
	old, err := f.moveAside(n, name)
	if err != nil {
		return err
	}
	if err = dir.Rename(temp, n.dir, name, false); err != nil {
		err = errors.Join(err, f.moveBack(n, name, old))
	}
	return err
}

// moveAside moves name in n into the state folder.
func (f *Folder) moveAside(n *node, name string) (a aside, err error) {
	a = aside{name: asideName(), path: n.path(name)}
	err = n.vol.inState(func(dir *tree.Dir) error {
		a.dir = dir
		return n.dir.Rename(name, dir, a.name, false)
	})
	if err == nil {
		f.noteAside(a)
	}
	return a, err
}

// moveBack undoes moveAside.
func (f *Folder) moveBack(n *node, name string, a aside) error {
	err := a.dir.Rename(a.name, n.dir, name, false)
	if err == nil {
		f.dropAside(a.name)
	}
	return err
}

func (f *Folder) noteAside(a aside) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asides = append(f.asides, a)
}

// Asides returns what this delivery moved aside, and Prune has not removed: where it
// stood, by where it is, both relative to the destination.
func (f *Folder) Asides() map[string]string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	stood := make(map[string]string)
	for _, a := range f.asides {
		stood[a.dir.Path()+"/"+a.name] = a.path
	}
	return stood
}

// replacesFolder reports whether e is to take the place of a folder, and may.
func (f *Folder) replacesFolder(there tree.Info, replace bool) bool {
	return f.way != nil && replace && there.Kind == tree.Folder
}

// trade gives the content its name in the place of a folder.
func (p *Partial) trade(name string) error {
	if p.name != "" {
		if err := p.unlock(); err != nil {
			return err
		}
		return p.f.trade(p.dir, p.name, p.parent, name)
	}
	temp := tempName()
	return p.vol.inState(func(dir *tree.Dir) error {
		if err := dir.LinkUnnamed(p.file, temp); err != nil {
			return err
		}
		err := p.f.trade(dir, temp, p.parent, name)
		if err != nil {
			err = errors.Join(err, ignoreAbsent(dir.Remove(temp, false)))
		}
		return err
	})
}

// replaceByFolder makes e's folder in n in the place of another item.
func (f *Folder) replaceByFolder(n *node, e *tree.Entry) error {
	if err := f.way.clear(n.dir, e.Name); err != nil {
		return err
	}
	old, err := f.moveAside(n, e.Name)
	if err != nil {
		return err
	}
	if err = n.dir.Mkdir(e.Name, f.folderMode(e)); err != nil {
		err = errors.Join(err, f.moveBack(n, e.Name, old))
	}
	return err
}
