package simulation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"ferry/checksum"
	"ferry/transfer/dest"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// simFolder is transfer.Destination on a simDisk, for one process. It keeps the
// promises of package dest, and holds its caller to the order of calls.
type simFolder struct {
	disk  *simDisk
	owner *owner
	t     *testing.T
	temp  string // a real folder for what has to be an *os.File

	nodes    map[uint64]*simNode
	paths    map[uint64]string // of nodes, with a slash at the end
	owed     map[*simNode]bool // folders that Finish syncs
	kept     []*simNode        // files that it syncs
	mode     uint32            // of the destination itself
	mtime    tree.Time
	hasMeta  bool
	finished bool
	changing bool         // sources may change, so that digests may differ
	foreign  *atomic.Bool // somebody else has put a file here
	once     sync.Once
}

var _ storage.Destination = (*simFolder)(nil)

func (d *simDisk) open(t *testing.T, o *owner, temp string, changing bool, foreign *atomic.Bool) *simFolder {
	return &simFolder{disk: d, owner: o, t: t, temp: temp, nodes: map[uint64]*simNode{0: d.root}, paths: make(map[uint64]string), changing: changing, foreign: foreign, owed: make(map[*simNode]bool)}
}

// misuse fails the test: the caller has broken the order of calls. Once is enough,
// the rest follows from it.
func (f *simFolder) misuse(format string, args ...any) {
	f.once.Do(func() { f.t.Errorf("the destination was misused: "+format, args...) })
}

// in begins an operation in e's folder. The caller unlocks the disk.
func (f *simFolder) in(e *tree.Entry, op diskOp) (dir *simNode, half bool, err error) {
	half, err = f.disk.enter(f.owner, op)
	if f.finished && err == nil {
		f.misuse("%v of %q after Finish", op, e.Name)
	}
	dir = f.nodes[e.Parent]
	if dir == nil && err == nil {
		f.misuse("%v of %q in folder %d, which is not open", op, e.Name, e.Parent)
		err = errSimMisuse
	}
	if dir != nil {
		f.owed[dir] = true
	}
	return dir, half, err
}

func (f *simFolder) Stat(e *tree.Entry) (tree.Info, error) {
	dir, _, err := f.in(e, opLook)
	defer f.disk.mu.Unlock()
	if err != nil {
		return tree.Info{}, err
	}
	n := dir.entries[e.Name]
	if n == nil {
		return tree.Info{}, fs.ErrNotExist
	}
	return n.info(), nil
}

// MakeFolder owes a sync of the folder and of the one that it is in.
func (f *simFolder) MakeFolder(e *tree.Entry) (existed bool, err error) {
	if e.Kind == tree.Root {
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
		f.mode, f.mtime, f.hasMeta = e.Mode, e.MTime, true
		f.nodes[e.ID], f.owed[f.disk.root] = f.disk.root, true
		return true, nil
	}
	dir, half, err := f.in(e, opFolder)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return false, err
	}
	n := dir.entries[e.Name]
	switch {
	case n == nil:
		n = f.disk.node(tree.Folder)
		n.mode = 0o700 | e.Mode
		dir.set(e.Name, n)
	case n.kind != tree.Folder:
		return false, &dest.Error{Kind: dest.OtherKind, Op: "making", Path: e.Name, Err: fs.ErrExist}
	default:
		existed = true
	}
	f.nodes[e.ID], f.paths[e.ID], f.owed[n] = n, f.paths[e.Parent]+e.Name+"/", true
	return existed, err
}

// FinishFolder closes the id: nothing may come for it any more.
func (f *simFolder) FinishFolder(e *tree.Entry) error {
	_, half, err := f.in(e, opFolder)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return err
	}
	if n := f.nodes[e.ID]; n != f.disk.root {
		n.mode, n.mtime = e.Mode, e.MTime
	}
	delete(f.nodes, e.ID)
	return err
}

func (f *simFolder) MakeLink(e *tree.Entry, replace bool) (same bool, err error) {
	dir, half, err := f.in(e, opName)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return false, err
	}
	n := dir.entries[e.Name]
	switch {
	case n != nil && n.kind == tree.Symlink && n.target == e.Target:
		n.mtime = e.MTime
		return true, err
	case n != nil && n.kind == tree.Folder:
		return false, &dest.Error{Kind: dest.OtherKind, Op: "linking", Path: e.Name, Err: fs.ErrExist}
	case n != nil && !replace:
		return false, &dest.Error{Kind: dest.Conflict, Op: "linking", Path: e.Name, Err: fs.ErrExist}
	}
	l := f.disk.node(tree.Symlink)
	l.target, l.mtime = e.Target, e.MTime
	dir.set(e.Name, l)
	return false, err
}

// Existing gives a real file with what is there: nobody writes to it.
func (f *simFolder) Existing(e *tree.Entry) (*os.File, tree.Info, error) {
	dir, _, err := f.in(e, opRead)
	var info tree.Info
	var data []byte
	if err == nil {
		switch n := dir.entries[e.Name]; {
		case n == nil:
			err = fs.ErrNotExist
		case n.kind != tree.File:
			err = fmt.Errorf("%q: %w", e.Name, tree.ErrNotRegular)
		default:
			info, data = n.info(), n.data
		}
	}
	f.disk.mu.Unlock()
	if err != nil {
		return nil, tree.Info{}, err
	}
	file, err := os.CreateTemp(f.temp, "existing")
	if err != nil {
		return nil, tree.Info{}, err
	}
	_ = os.Remove(file.Name()) // where an open file has to stay, it goes with the folder
	if _, err := file.Write(data); err != nil {
		return nil, tree.Info{}, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// Keep has Finish sync what an earlier delivery may have left unsynced.
func (f *simFolder) Keep(e *tree.Entry) error {
	dir, _, err := f.in(e, opLook)
	defer f.disk.mu.Unlock()
	if err == nil && dir.entries[e.Name] != nil {
		f.kept = append(f.kept, dir.entries[e.Name])
	}
	return err
}

func (f *simFolder) Touch(e *tree.Entry) error {
	dir, _, err := f.in(e, opSeal)
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	n := dir.entries[e.Name]
	if n == nil {
		return &dest.Error{Kind: dest.IO, Op: "touching", Path: e.Name, Err: fs.ErrNotExist}
	}
	n.mode, n.mtime = e.Mode, e.MTime
	f.kept = append(f.kept, n)
	return nil
}

// Begin finds what an earlier delivery left of this version of the file, or else of
// another version of the same path. Files of one chunk and streams leave nothing.
func (f *simFolder) Begin(e *tree.Entry) (storage.Partial, error) {
	dir, _, err := f.in(e, opBegin)
	defer f.disk.mu.Unlock()
	if err != nil {
		return nil, err
	}
	p := &simPartial{f: f, dir: dir, name: e.Name, size: e.Size}
	fresh := func() *simPart {
		return &simPart{node: f.disk.node(tree.File), claims: make(map[uint64]checksum.CV)}
	}
	if e.Kind == tree.Stream || e.Size <= checksum.ChunkSize {
		p.part = fresh()
		return p, nil
	}
	path := f.paths[e.Parent] + e.Name
	p.key = fmt.Sprintf("%s %d %v", path, e.Size, e.MTime)
	part := f.disk.parts[p.key]
	if part == nil {
		for key, other := range f.disk.parts { // of another version: a basis
			if other.path == path && other.holder == nil {
				delete(f.disk.parts, key)
				part = other
				break
			}
		}
	}
	switch {
	case part == nil:
		part = fresh()
		part.path = path
	case part.holder != nil && !part.holder.dead.Load() && part.holder != f.owner:
		return nil, &dest.Error{Kind: dest.Locked, Op: "starting", Path: e.Name, Err: dest.ErrLocked}
	default:
		p.reused = true
		part.node.synced = false
	}
	part.holder = f.owner
	if n := int64(len(part.node.data)); n > e.Size {
		part.node.data = part.node.data[:e.Size]
	}
	for i := range part.claims {
		if i >= checksum.Chunks(e.Size) {
			delete(part.claims, i)
		}
	}
	f.disk.parts[p.key], p.part = part, part
	return p, nil
}

func (f *simFolder) Free() (int64, error) { return 1 << 40, nil }

func (f *simFolder) Leftovers() ([]string, error) { return nil, nil }

func (f *simFolder) Close() error { return nil }
