package memory

import (
	"bytes"
	"io/fs"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Stat is storage.Finder's.
func (f *Folder) Stat(e *tree.Entry) (tree.Info, error) {
	in, err := f.in(e, Look)
	defer f.disk.mu.Unlock()
	if err != nil {
		return tree.Info{}, err
	}
	n, _ := f.disk.find(in.node, e.Name)
	if n == nil {
		return tree.Info{}, fs.ErrNotExist
	}
	return n.info(), nil
}

// Open is storage.Finder's. The content is what it was when it was opened.
func (f *Folder) Open(e *tree.Entry) (storage.File, error) {
	in, err := f.in(e, Read)
	defer f.disk.mu.Unlock()
	if err != nil {
		return nil, err
	}
	switch n, _ := f.disk.find(in.node, e.Name); {
	case n == nil:
		return nil, f.fail(Read, e, storage.Gone, fs.ErrNotExist)
	case n.kind != tree.File:
		return nil, f.fail(Read, e, storage.OtherKind, tree.ErrNotRegular)
	default:
		now := func() (tree.Info, error) {
			f.disk.mu.Lock()
			defer f.disk.mu.Unlock()
			return n.info(), nil
		}
		return &file{Reader: bytes.NewReader(n.data), info: n.info(), now: now}, nil
	}
}

// file is a storage.File.
type file struct {
	*bytes.Reader
	info tree.Info
	now  func() (tree.Info, error)
}

func (f *file) Close() error                { return nil }
func (f *file) Info() tree.Info             { return f.info }
func (f *file) Stat() (tree.Info, error)    { return f.now() }
func (*file) Cover(int64, int64) tree.Cover { return tree.AllData }

// MayPut is storage.Finder's.
func (f *Folder) MayPut(e *tree.Entry) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.killed {
		return ErrKilled
	}
	if err := tree.CheckName(e.Name); err != nil {
		return f.fail(Look, e, storage.Name, err)
	}
	return nil
}

// KeepsTime is storage.Finder's.
func (f *Folder) KeepsTime(e *tree.Entry, found tree.Info) bool { return found.MTime == e.MTime }

// Unchanged is storage.Finder's. The names of one item have one set of times, which the
// delivery moves.
func (f *Folder) Unchanged(_ *tree.Entry, now, before tree.Info) bool { return unchanged(now, before) }

func unchanged(now, before tree.Info) bool {
	if before.Nlink > 1 && before.Kind != tree.Folder {
		before.CTime, before.MTime = now.CTime, now.MTime
	}
	return now.SameVersion(before)
}

// Free is storage.Finder's.
func (f *Folder) Free() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.killed {
		return 0, ErrKilled
	}
	return f.disk.free(), nil
}

// Relate is storage.Twins'.
func (f *Folder) Relate(e *tree.Entry, other string, _ bool) (storage.Relation, error) {
	in, err := f.in(e, Look)
	defer f.disk.mu.Unlock()
	if err != nil {
		return storage.Unknown, err
	}
	if e.Name == other {
		return storage.Together, nil
	}
	one, _ := f.disk.find(in.node, e.Name)
	two, _ := f.disk.find(in.node, other)
	switch {
	case one == nil && two == nil:
		return storage.Unknown, nil
	case f.disk.FoldCase && tree.FoldKey(e.Name) == tree.FoldKey(other):
		return storage.Together, nil
	}
	return storage.Apart, nil
}

// Borrowed is storage.Twins': no name is made up here.
func (f *Folder) Borrowed(*tree.Entry) (bool, error) { return false, nil }
