package simulation

import (
	"bytes"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// simFolder is transfer.Destination on a simDisk, for one process. It keeps the
// promises of package dest, and holds its caller to the order of calls.
type simFolder struct {
	disk  *simDisk
	owner *owner
	t     *testing.T

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

func (d *simDisk) open(t *testing.T, o *owner, changing bool, foreign *atomic.Bool) *simFolder {
	return &simFolder{disk: d, owner: o, t: t, nodes: map[uint64]*simNode{0: d.root}, paths: make(map[uint64]string), changing: changing, foreign: foreign, owed: make(map[*simNode]bool)}
}

// Place, Start and Close are storage.Destination's.
func (f *simFolder) Place() string { return "simulated" }

func (f *simFolder) Start(granted tree.Metadata) (*storage.Landing, error) {
	return &storage.Landing{Keeps: tree.Metadata{Umask: granted.Umask}, Finder: f, Maker: f, Files: f}, nil
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
func (f *simFolder) MakeFolder(e *tree.Entry) (out storage.Outcome, err error) {
	if e.Kind == tree.Root {
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
		f.mode, f.mtime, f.hasMeta = e.Mode, e.MTime, true
		f.nodes[e.ID], f.owed[f.disk.root] = f.disk.root, true
		return storage.Outcome{Same: true}, nil
	}
	dir, half, err := f.in(e, opFolder)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return out, err
	}
	n := dir.entries[e.Name]
	switch {
	case n == nil:
		n = f.disk.node(tree.Folder)
		n.mode = 0o700 | e.Mode
		dir.set(e.Name, n)
	case n.kind != tree.Folder:
		return out, &storage.Error{Kind: storage.OtherKind, Op: "making", Path: e.Name, Err: fs.ErrExist}
	default:
		out.Same = true
	}
	f.nodes[e.ID], f.paths[e.ID], f.owed[n] = n, f.paths[e.Parent]+e.Name+"/", true
	return out, err
}

// FinishFolder closes the id: nothing may come for it any more.
func (f *simFolder) FinishFolder(e *tree.Entry) (out storage.Outcome, err error) {
	_, half, err := f.in(e, opFolder)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return out, err
	}
	if n := f.nodes[e.ID]; n != f.disk.root {
		n.mode, n.mtime = e.Mode, e.MTime
	}
	delete(f.nodes, e.ID)
	return out, err
}

func (f *simFolder) UnmakeFolder(*tree.Entry) error { return errSimMisuse }

func (f *simFolder) MakeLink(e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	dir, half, err := f.in(e, opName)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return out, err
	}
	n := dir.entries[e.Name]
	switch {
	case n != nil && n.kind == tree.Symlink && n.target == e.Target:
		n.mtime = e.MTime
		return storage.Outcome{Same: true}, err
	case n != nil && n.kind == tree.Folder:
		return out, &storage.Error{Kind: storage.OtherKind, Op: "linking", Path: e.Name, Err: fs.ErrExist}
	case n != nil && !replace:
		return out, &storage.Error{Kind: storage.Conflict, Op: "linking", Path: e.Name, Err: fs.ErrExist}
	}
	l := f.disk.node(tree.Symlink)
	l.target, l.mtime = e.Target, e.MTime
	dir.set(e.Name, l)
	return out, err
}

// Open gives what is there: nobody writes to it.
func (f *simFolder) Open(e *tree.Entry) (storage.File, error) {
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
		return nil, err
	}
	return simFile{bytes.NewReader(data), info}, nil
}

// simFile is content that does not change.
type simFile struct {
	*bytes.Reader
	info tree.Info
}

func (f simFile) Close() error                { return nil }
func (f simFile) Info() tree.Info             { return f.info }
func (f simFile) Stat() (tree.Info, error)    { return f.info, nil }
func (f simFile) Cover(_, _ int64) tree.Cover { return tree.AllData }

// Keep has Finish sync what an earlier delivery may have left unsynced.
func (f *simFolder) Keep(e *tree.Entry) (out storage.Outcome, err error) {
	dir, _, err := f.in(e, opLook)
	defer f.disk.mu.Unlock()
	if err == nil && dir.entries[e.Name] != nil {
		f.kept = append(f.kept, dir.entries[e.Name])
	}
	return storage.Outcome{Same: true}, err
}

func (f *simFolder) Touch(e *tree.Entry) (out storage.Outcome, err error) {
	dir, _, err := f.in(e, opSeal)
	defer f.disk.mu.Unlock()
	if err != nil {
		return out, err
	}
	n := dir.entries[e.Name]
	if n == nil {
		return out, &storage.Error{Kind: storage.IO, Op: "touching", Path: e.Name, Err: fs.ErrNotExist}
	}
	n.mode, n.mtime = e.Mode, e.MTime
	f.kept = append(f.kept, n)
	return storage.Outcome{Same: true}, nil
}

// Begin finds what an earlier delivery left of this version of the file, or else of
// another version of the same path. Files of one chunk and streams leave nothing.
func (f *simFolder) Begin(e *tree.Entry, _ bool) (storage.Partial, error) {
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
		return nil, &storage.Error{Kind: storage.Locked, Op: "starting", Path: e.Name, Err: storage.ErrLocked}
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

func (f *simFolder) MayPut(*tree.Entry) error { return nil }

func (f *simFolder) KeepsTime(e *tree.Entry, found tree.Info) bool { return found.MTime == e.MTime }

func (f *simFolder) Unchanged(_ *tree.Entry, now, before tree.Info) bool {
	return now.SameVersion(before)
}

func (f *simFolder) Close() error { return nil }
