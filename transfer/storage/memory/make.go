package memory

import (
	"errors"
	"fmt"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// MakeFolder is storage.Maker's. A sync of the folder and of the one that it is in is owed.
func (f *Folder) MakeFolder(e *tree.Entry) (out storage.Outcome, err error) {
	if e.Kind == tree.Root {
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
		if f.killed {
			return out, ErrKilled
		}
		if f.open[e.ID] != nil {
			return out, f.misused("two folders %d", e.ID)
		}
		f.root, f.open[e.ID], f.owed[f.disk.root] = e, &openFolder{node: f.disk.root, entry: e}, true
		return storage.Outcome{Same: true}, nil
	}
	in, err := f.in(e, MakeFolder)
	defer f.disk.mu.Unlock()
	if in == nil {
		return out, err
	}
	if f.open[e.ID] != nil {
		return out, f.misused("two folders %d", e.ID)
	}
	n, listed := f.disk.find(in.node, e.Name)
	switch {
	case n == nil:
		n = f.disk.node(tree.Folder)
		n.mode = 0o700 | f.granted.Permissions(e.Mode, 0)
		f.disk.set(in.node, e.Name, n)
	case n.kind != tree.Folder:
		return out, f.fail(MakeFolder, e, storage.OtherKind, fmt.Errorf("a %v has that name", n.kind))
	case in.fresh && listed != e.Name:
		return out, f.fail(MakeFolder, e, storage.Conflict, errTaken)
	default:
		out.Same = true
	}
	f.open[e.ID] = &openFolder{node: n, path: in.path + e.Name + "/", name: e.Name, in: in.node, entry: e, fresh: !out.Same}
	f.owed[n], f.owed[in.node] = true, true
	return out, err
}

// FinishFolder is storage.Maker's. Nothing may come for the id any more.
func (f *Folder) FinishFolder(e *tree.Entry) (out storage.Outcome, err error) {
	half, err := f.enter(MakeFolder, f.Path(e))
	defer f.disk.mu.Unlock()
	o := f.open[e.ID]
	if err != nil && !half {
		return out, err
	}
	if o == nil || e.ID == 0 {
		return out, f.misused("the end of folder %d, which is not open", e.ID)
	}
	delete(f.open, e.ID)
	if o.in == nil {
		was := f.disk.root
		mode := f.granted.Permissions(o.entry.Mode, was.mode)
		return storage.Outcome{Same: true, Adjusted: mode != was.mode&0o777 || was.mtime != o.entry.MTime}, err
	}
	if now, _ := f.disk.find(o.in, o.name); now != o.node {
		return out, f.fail(MakeFolder, o.entry, storage.Gone, storage.ErrGone)
	}
	if o.fresh {
		out.Lost = f.dress(o.node, o.entry, true)
	} else {
		out = f.redress(o.node, o.entry)
	}
	return out, err
}

// UnmakeFolder is storage.Maker's.
func (f *Folder) UnmakeFolder(e *tree.Entry) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	o := f.open[e.ID]
	delete(f.open, e.ID)
	if o == nil || !o.fresh {
		return nil
	}
	if len(o.node.entries) > 0 {
		return f.misused("a folder is unmade with something in it")
	}
	f.disk.set(o.in, o.name, nil)
	return nil
}

// MakeLink is storage.Maker's.
func (f *Folder) MakeLink(e *tree.Entry, replace bool) (storage.Outcome, error) {
	if err := tree.CheckTarget(e.Target); err != nil {
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
		return storage.Outcome{}, f.fail(Name, e, storage.Name, err)
	}
	return f.make(e, replace, func(n *node) bool { return n.kind == tree.Symlink && n.target == e.Target }, tree.Symlink)
}

// MakeNode is storage.Special's.
func (f *Folder) MakeNode(e *tree.Entry, replace bool) (storage.Outcome, error) {
	return f.make(e, replace, func(n *node) bool { return n.kind == e.Kind }, e.Kind)
}

// make makes an item without content, or finds what is the same.
func (f *Folder) make(e *tree.Entry, replace bool, same func(*node) bool, kind tree.Kind) (out storage.Outcome, err error) {
	in, err := f.in(e, Name)
	defer f.disk.mu.Unlock()
	if in == nil {
		return out, err
	}
	f.owed[in.node] = true
	n, _ := f.disk.find(in.node, e.Name)
	if n != nil && same(n) {
		out = f.redress(n, e)
		f.remember(e, n)
		return out, err
	}
	if err := f.mayReplace(e, n, replace); err != nil {
		return out, err
	}
	n = f.disk.node(kind)
	n.target = e.Target
	out.Lost = f.dress(n, e, true)
	f.disk.set(in.node, e.Name, n)
	f.remember(e, n)
	return out, err
}

// mayReplace fails if n, which has e's name, is to stay.
func (f *Folder) mayReplace(e *tree.Entry, n *node, replace bool) error {
	switch {
	case n == nil:
		return nil
	case n.kind == tree.Folder:
		return f.fail(Name, e, storage.OtherKind, errTaken)
	case !replace:
		return f.fail(Name, e, storage.Conflict, errTaken)
	}
	return nil
}

// remember notes what hard links may come to.
func (f *Folder) remember(e *tree.Entry, n *node) {
	if e.Linked && f.granted.HardLinks {
		f.links[e.ID] = n
	}
}

// MakeHardLink is storage.Special's.
func (f *Folder) MakeHardLink(e *tree.Entry, replace bool) (out storage.Outcome, err error) {
	in, err := f.in(e, Name)
	defer f.disk.mu.Unlock()
	if in == nil {
		return out, err
	}
	to := f.links[e.LinkTo]
	if !e.Linked {
		delete(f.links, e.LinkTo)
	}
	n, _ := f.disk.find(in.node, e.Name)
	switch {
	case to == nil:
		return out, f.fail(Name, e, storage.Unsupported, errors.New("the item that it is a hard link to is not known"))
	case to.names == 0:
		return out, f.fail(Name, e, storage.Conflict, storage.ErrChanged)
	case n == to:
		return storage.Outcome{Same: true}, err
	}
	if err := f.mayReplace(e, n, replace); err != nil {
		return out, err
	}
	f.owed[in.node] = true
	f.disk.set(in.node, e.Name, to)
	return out, err
}

// Forget is storage.Special's.
func (f *Folder) Forget(id uint64) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	delete(f.links, id)
}

// Keep is storage.Maker's.
func (f *Folder) Keep(e *tree.Entry) (storage.Outcome, error) {
	return f.keep(e, Look, func(n *node) (storage.Outcome, error) { return storage.Outcome{Same: true}, nil })
}

// Touch is storage.Maker's.
func (f *Folder) Touch(e *tree.Entry) (storage.Outcome, error) {
	return f.keep(e, Seal, func(n *node) (storage.Outcome, error) {
		if n.kind != tree.File {
			return storage.Outcome{}, f.fail(Seal, e, storage.OtherKind, tree.ErrNotRegular)
		}
		return f.redress(n, e), nil
	})
}

// keep has Finish sync what has e's name, after do, since an earlier delivery may have
// left it unsynced.
func (f *Folder) keep(e *tree.Entry, op Op, do func(*node) (storage.Outcome, error)) (out storage.Outcome, err error) {
	in, err := f.in(e, op)
	defer f.disk.mu.Unlock()
	if err != nil {
		return out, err
	}
	n, listed := f.disk.find(in.node, e.Name)
	if n == nil {
		return out, f.fail(op, e, storage.Gone, storage.ErrGone)
	}
	if n.names > 1 && op == Seal && n.kind == tree.File && !(e.Linked && f.granted.HardLinks) && n.differs(e) {
		own := f.disk.node(tree.File)
		own.data, own.mode, own.mtime = n.data, n.mode, n.mtime
		f.disk.set(in.node, listed, own)
		n = own
	}
	if out, err = do(n); err != nil {
		return out, err
	}
	f.remember(e, n)
	f.owed[in.node] = true
	f.kept = append(f.kept, n)
	return out, nil
}

// differs reports whether n has other metadata than e.
func (n *node) differs(e *tree.Entry) bool { return n.mode != e.Mode&0o777 || n.mtime != e.MTime }
