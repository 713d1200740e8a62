package dest

import (
	"errors"
	"io/fs"
	"math"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// finder tells what stands at the destination: storage.Finder and storage.Twins.
type finder struct {
	nodes   *nodes
	times   *times
	listing listing
}

// Stat is storage.Finder's. Folders made in this delivery count as empty, at no system
// call: what the delivery itself put there is met again as a Conflict at publication.
func (f *finder) Stat(e *tree.Entry) (tree.Info, error) {
	n, err := f.nodes.parent(e)
	if err != nil {
		return tree.Info{}, fail("looking at", e.Name, err)
	}
	if n.fresh.Load() {
		return tree.Info{}, fs.ErrNotExist
	}
	info, err := n.dir.Lstat(e.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Info{}, fs.ErrNotExist
	}
	return info, f.nodes.fail("looking at", e, err)
}

// Open is storage.Finder's.
func (f *finder) Open(e *tree.Entry) (storage.File, error) {
	n, err := f.nodes.parent(e)
	if err != nil {
		return nil, fail("opening", e.Name, err)
	}
	file, info, err := n.dir.OpenFile(e.Name)
	if err != nil {
		return nil, f.nodes.fail("opening", e, err)
	}
	return tree.NewContent(file, info), nil
}

// MayPut is storage.Finder's.
func (f *finder) MayPut(e *tree.Entry) error {
	n, err := f.nodes.parent(e)
	if err == nil && !n.fresh.Load() {
		err = n.entrance.check(n.dir)
	}
	if err == nil {
		err = n.vol.rules.check(n.vol.state, e.Name)
	}
	return f.nodes.fail("receiving", e, err)
}

// KeepsTime is storage.Finder's.
func (f *finder) KeepsTime(e *tree.Entry, found tree.Info) bool { return f.times.trust(e.MTime, found) }

// Unchanged is storage.Finder's.
func (f *finder) Unchanged(e *tree.Entry, now, before tree.Info) bool {
	n, err := f.nodes.parent(e)
	return err == nil && n.vol.unchanged(now, before)
}

// unknownSpace stands for what a file system that tells no size has free: more
// than any delivery needs, so that the disk itself says when it is full.
const unknownSpace = math.MaxInt64

// Free is storage.Finder's: what this user may still write to the file system of the
// destination.
func (f *finder) Free() (int64, error) {
	n, err := freeBytes(f.nodes.root.vol.handle)
	if err != nil && !tree.Failing(err) {
		return unknownSpace, nil
	}
	if err != nil {
		return 0, fail("measuring", "", err)
	}
	return n, nil
}

// Relate is storage.Twins'.
func (f *finder) Relate(e *tree.Entry, other string, stands bool) (storage.Relation, error) {
	n, err := f.nodes.parent(e)
	if err != nil {
		return storage.Unknown, fail("looking at", e.Name, err)
	}
	r, err := f.listing.relate(n.dir, e.Name, other, stands, numbersItems(n.vol.doubtful))
	return r, f.nodes.fail("looking at", e, err)
}

// Borrowed is storage.Twins'.
func (f *finder) Borrowed(e *tree.Entry) (bool, error) {
	n, err := f.nodes.parent(e)
	if err != nil {
		return false, fail("looking at", e.Name, err)
	}
	is, err := borrowed(n.dir, e.Name)
	return is, f.nodes.fail("looking at", e, err)
}
