package dest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// asideSuffix ends the names in the state folder, "<random>.aside", of items that stood in
// the way of an item of another kind. They are kept there until Prune removes them.
const asideSuffix = ".aside"

func isAside(p string) bool { return strings.HasSuffix(p, asideSuffix) }

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

// way is the leave to put items in the place of folders, and folders in the place of
// other items. Only what Prune would remove after the delivery makes way.
type way struct {
	leave   *storage.Prune // nil: nothing makes way
	storing storing
	n       int64 // items counted by clear; used by the goroutine that plans

	find    sync.Once // guards what follows, until the sources are known
	sources []storage.PruneSource
	unknown error // why they are not

	mu    sync.Mutex // guards what follows
	moved []aside    // at most leave.Max
}

// open reports whether anything makes way.
func (w *way) open() bool { return w.leave != nil }

// replaces reports whether an item takes the place of the folder there, and may.
func (w *way) replaces(there tree.Info, replace bool) bool {
	return w.open() && replace && there.Kind == tree.Folder
}

// clear fails if name in d, a folder at the destination, may not make way, and counts
// what goes with it.
func (w *way) clear(d *tree.Dir, name string) error {
	n, err := w.mayGo(d, name, w.leave.Max-w.n)
	if err == nil {
		w.n += n
	}
	return err
}

// mayGo counts the items that go with name in d, at most limit.
func (w *way) mayGo(d *tree.Dir, name string, limit int64) (int64, error) {
	w.find.Do(w.findSources)
	if w.unknown != nil {
		return 0, w.unknown
	}
	within := *w.leave
	within.Sources = w.sources
	within.Max = limit
	r := pruneRun{Prune: &within, ctx: context.Background(), mode: pruneCount, storing: w.storing}
	twins, here, err := r.twinsOf(d, name)
	if err != nil {
		return 0, err
	}
	how, err := removalIn(d)
	if err != nil {
		return 0, err
	}
	gone, err := r.remove(d, twins, here, name, how)
	switch {
	case errors.Is(err, storage.ErrTooMany):
		most := fmt.Sprintf("%d items", w.leave.Max)
		if w.leave.Max == 1 {
			most = "one item"
		}
		return 0, inWay("and with what is in it more than the " + most + " would go that may")
	case err == nil && !gone:
		err = errStays
	}
	return r.n, err
}

// findSources asks for the sources, if they are not given.
func (w *way) findSources() {
	if w.sources = w.leave.Sources; w.leave.Find != nil {
		w.sources, w.unknown = w.leave.Find()
	}
}

// twinsOf returns the source folders beside d, a folder at the destination, and the place
// of its item name below them. There are none for the place of a source itself.
func (r *pruneRun) twinsOf(d *tree.Dir, name string) (twins []twin, here spot, err error) {
	at, root := join(d.Path(), name), d
	for root.Parent() != nil {
		root = root.Parent()
	}
	var in []*storage.PruneSource
	first, below, deep := strings.Cut(at, "/")
	here.at = at
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name != "" && r.storing.stored(root, s.Name) == first {
			if s.Folder == nil {
				return nil, here, errBeside
			}
			if !deep {
				return nil, spot{at, at}, nil
			}
			in, here.at, r.prefix, root = []*storage.PruneSource{s}, below, first+"/", root.Child(first)
			break
		}
		if s.Name == "" && s.Folder != nil {
			in = append(in, s)
		}
	}
	for _, s := range in {
		t, from, err := r.twinAt(s, root, path.Dir(here.at))
		if err == nil {
			twins, here.from = append(twins, t), join(from, r.storing.original(name))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, here, err
		}
	}
	if len(twins) == 0 {
		err = errBeside
	}
	return twins, here, err
}

// twinAt is the folder of s that is stored at the slash path rel in d, with the rules for what
// is in it, and its path below s.
func (r *pruneRun) twinAt(s *storage.PruneSource, d *tree.Dir, rel string) (t twin, from string, err error) {
	t = twin{SourceFolder: s.Folder()}
	if rel != "." {
		for name := range strings.SplitSeq(rel, "/") {
			own := name
			if r.storing.escapes() && strings.Contains(name, "%") {
				if own, err = r.ownName(d, &t, name); err != nil {
					return t, "", err
				}
			}
			t, d, from = twin{SourceFolder: t.Child(own)}, d.Child(name), join(from, own)
		}
	}
	return t, from, t.look()
}

// ownName is the name in t of what is stored in d as at.
func (r *pruneRun) ownName(d *tree.Dir, t *twin, at string) (string, error) {
	if err := t.look(); err != nil {
		return "", err
	}
	_, _, own, err := r.findStored(d, []twin{*t}, at)
	return own, err
}

// trade puts temp, of the state folder dir, in the place of the folder name in n, and
// keeps that aside: at once, where the system can exchange two names. After an error
// temp is where it was, and so is the folder.
func (w *way) trade(dir *tree.Dir, temp string, n *node, name string) error {
	// Once more: a while has passed since clear, which has counted it.
	if _, err := w.mayGo(n.dir, name, math.MaxInt64); err != nil {
		return err
	}
	// Both take turns with one name, so that none of a killed run's looks like a
	// partial that is a folder.
	kept := asideName()
	if err := dir.Rename(temp, dir, kept, false); err != nil {
		return err
	}
	err := dir.Exchange(kept, n.dir, name)
	if err == nil {
		w.note(aside{dir, kept, n.path(name)})
		return nil
	}
	if errors.Is(err, errors.ErrUnsupported) {
		put := func() error { return dir.Rename(kept, n.dir, name, false) }
		if err = w.displace(n, name, put); err == nil {
			return nil
		}
	}
	return errors.Join(err, dir.Rename(kept, dir, temp, false))
}

// displace moves name in n aside and has put give the name to another item. If that
// fails the old one is back. For a moment there is nothing under the name.
func (w *way) displace(n *node, name string, put func() error) error {
	old := aside{name: asideName(), path: n.path(name)}
	err := n.vol.state.in(func(dir *tree.Dir) error {
		old.dir = dir
		return n.dir.Rename(name, dir, old.name, false)
	})
	if err != nil {
		return err
	}
	if err = put(); err != nil {
		back := old.dir.Rename(old.name, n.dir, name, false)
		if back == nil {
			return err
		}
		err = errors.Join(err, back)
	}
	w.note(old)
	return err
}

func (w *way) note(a aside) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = append(w.moved, a)
}

// drop forgets what is removed.
func (w *way) drop(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = slices.DeleteFunc(w.moved, func(a aside) bool { return a.name == name })
}

// all returns what was moved and is not removed.
func (w *way) all() []aside {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.moved)
}
