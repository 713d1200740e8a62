package serve

import (
	"errors"
	"io/fs"
	"math"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Who may only upload is not to learn what is there. So the delivery sees an empty place:
//
//  1. Nothing stands under any name, and the space has no end (blindFinder).
//  2. A folder that is there is taken over, and told as made; one whose name is another
//     item's gets the name that is free next (blindMaker). So do those that the peer names as
//     the place (upload.folder).
//  3. A file whose name is taken is compared, once all of it has come, with what has the
//     name: if that is the same, it stays and counts. Else the file gets the name that is
//     free next (blindFiles). So who sends again what he sent before fills no disk.
//
// What of all this was the case is never told.

// mostRenames bounds the search for a free name of a folder or link.
const mostRenames = 1000

// blindFinder finds nothing.
type blindFinder struct{ storage.Finder }

// Stat is storage.Finder's.
func (blindFinder) Stat(*tree.Entry) (tree.Info, error) { return tree.Info{}, fs.ErrNotExist }

// Open is storage.Finder's.
func (blindFinder) Open(*tree.Entry) (storage.File, error) { return nil, fs.ErrNotExist }

// Free is storage.Finder's. The disk itself says when it is full.
func (blindFinder) Free() (int64, error) { return math.MaxInt64, nil }

// blindMaker makes items, under another name if need be.
type blindMaker struct{ inner storage.Maker }

// hidden is an outcome that tells nothing of what was there.
func hidden(o storage.Outcome) storage.Outcome { return storage.Outcome{Lost: o.Lost} }

// taken tells whether something else has the name.
func taken(err error) bool {
	switch storage.KindOf(err) {
	case storage.Conflict, storage.OtherKind:
		return true
	}
	return false
}

// named makes e, under the first name that is free for it.
func named(e *tree.Entry, put func(e *tree.Entry) (storage.Outcome, error)) (storage.Outcome, error) {
	o, err := put(e)
	for i := 1; taken(err) && i <= mostRenames; i++ {
		other := *e // which may be kept
		other.Name = storage.Alternative(e.Name, i)
		o, err = put(&other)
	}
	return hidden(o), err
}

// MakeFolder is storage.Maker's.
func (m blindMaker) MakeFolder(e *tree.Entry) (storage.Outcome, error) {
	return named(e, m.inner.MakeFolder)
}

// FinishFolder is storage.Maker's.
func (m blindMaker) FinishFolder(e *tree.Entry) (storage.Outcome, error) {
	o, err := m.inner.FinishFolder(e)
	return hidden(o), err
}

// UnmakeFolder is storage.Maker's.
func (m blindMaker) UnmakeFolder(e *tree.Entry) error { return m.inner.UnmakeFolder(e) }

// MakeLink is storage.Maker's.
func (m blindMaker) MakeLink(e *tree.Entry, _ bool) (storage.Outcome, error) {
	return named(e, func(e *tree.Entry) (storage.Outcome, error) { return m.inner.MakeLink(e, false) })
}

// errSeen: a delivery that sees nothing finds nothing the same.
var errSeen = errors.New("nothing is there that could be kept")

// Keep is storage.Maker's, and never called.
func (blindMaker) Keep(e *tree.Entry) (storage.Outcome, error) {
	return storage.Outcome{}, &storage.Error{Kind: storage.Unsupported, Op: "keeping", Path: e.Name, Err: errSeen}
}

// Touch is storage.Maker's, and never called.
func (m blindMaker) Touch(e *tree.Entry) (storage.Outcome, error) { return m.Keep(e) }

// blindFiles publishes files, under another name if need be.
type blindFiles struct {
	storage.Files
	twins
}

// Publish is storage.Files'.
func (f *blindFiles) Publish(list []*storage.Publication) error {
	var left []*storage.Publication
	for _, pub := range list {
		pub.Replace, pub.Expect, pub.Rename = false, nil, false
		if p, ok := pub.Partial.(*meteredPartial); ok && p.as != "" {
			if _, same, err := f.stands(pub, mostTwins); same || err != nil {
				pub.Err = err
				continue
			}
			pub.Rename = true
		}
		left = append(left, pub)
	}
	err := f.Files.Publish(left)
	for _, pub := range left {
		if err == nil && !pub.Rename && taken(pub.Err) {
			err = f.settle(pub)
		}
		pub.Name = ""
	}
	return err
}

// settle publishes a file whose name is taken.
func (f *blindFiles) settle(pub *storage.Publication) error {
	if _, same, err := f.stands(pub, mostTwins); same || err != nil {
		pub.Err = err
		return nil
	}
	pub.Err, pub.Rename = nil, true
	return f.Files.Publish([]*storage.Publication{pub})
}

// blindRenamer is blindFiles of a place where a file's name is fixed when it begins: it is
// one that is free by then.
type blindRenamer struct {
	*blindFiles
	inner storage.Renamer
}

// Begin is storage.Files'.
func (f blindRenamer) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	probe := *e
	for i := 1; i <= mostRenames; i++ {
		if _, err := f.there.Stat(&probe); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return nil, err
		}
		probe.Name = storage.Alternative(e.Name, i)
	}
	if probe.Name == e.Name {
		return f.Files.Begin(e, sparse)
	}
	p, err := f.inner.BeginAs(e, probe.Name, sparse)
	if m, ok := p.(*meteredPartial); ok {
		m.as = probe.Name
	}
	return p, err
}

// BeginAs is storage.Renamer's. It is for an item of this delivery whose name another one has.
func (f blindRenamer) BeginAs(e *tree.Entry, _ string, sparse bool) (storage.Partial, error) {
	return f.Begin(e, sparse)
}
