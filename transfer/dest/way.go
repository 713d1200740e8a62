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
	leave *Prune // nil: nothing makes way
	n     int64  // items counted by clear; used by the goroutine that plans

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
	within := *w.leave
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
