package simulation

import (
	"io/fs"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// simForeign is what somebody else writes into the destination.
const simForeign = "not from here"

// Publish syncs each file and then names each, as dest.Folder does.
func (f *simFolder) Publish(batch []*storage.Publication) error {
	var stop error
	for _, pub := range batch {
		pub.Name, pub.Err = "", f.syncPartial(pub.Partial.(*simPartial))
	}
	for _, pub := range batch {
		if pub.Err == nil {
			pub.Err = f.place(pub)
		}
		if stop == nil && pub.Err != nil && !isConflict(pub.Err) {
			stop = pub.Err
		}
	}
	return stop
}

func isConflict(err error) bool {
	e, ok := err.(*storage.Error)
	return ok && (e.Kind == storage.Conflict || e.Kind == storage.OtherKind)
}

// syncPartial makes a file's content durable. A failure takes the partial with it,
// and what it held is not on the disk, whatever can be read.
func (f *simFolder) syncPartial(p *simPartial) error {
	half, err := f.disk.enter(f.owner, opSync)
	defer f.disk.mu.Unlock()
	if err == errForeign {
		n := f.disk.node(tree.File)
		n.data, n.mode = []byte(simForeign), 0o644
		n.sync()
		p.dir.set(p.name, n)
		f.foreign.Store(true)
		err = nil
	}
	switch {
	case p.failed != nil:
		return p.failed
	case !p.sealed || p.ended:
		f.misuse("%q was published and is not complete", p.name)
		return errSimMisuse
	case err == errDead:
		p.part.node.synced = half
		return err
	case err != nil:
		p.failed, p.ended, p.part.node.lying = err, true, true
		delete(f.disk.parts, p.key)
		return err
	}
	p.part.node.sync()
	return nil
}

// place gives a name, all at once or not at all. An error or a death halfway comes
// after that: the name is there, and its caller does not know.
func (f *simFolder) place(pub *storage.Publication) error {
	p := pub.Partial.(*simPartial)
	half, err := f.disk.enter(f.owner, opName)
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return err
	}
	name := pub.Entry.Name
	there := p.dir.entries[name]
	for i := 1; there != nil && pub.Rename; i++ {
		name = storage.Alternative(pub.Entry.Name, i)
		there, pub.Name = p.dir.entries[name], name
	}
	switch {
	case there == nil:
	case there.kind == tree.Folder:
		return &storage.Error{Kind: storage.OtherKind, Op: "publishing", Path: name, Err: fs.ErrExist}
	case !pub.Replace:
		return &storage.Error{Kind: storage.Conflict, Op: "publishing", Path: name, Err: fs.ErrExist}
	case pub.Expect == nil:
		f.misuse("%q is replaced, whatever it is by now", name)
		return errSimMisuse
	case !there.info().SameVersion(*pub.Expect):
		return &storage.Error{Kind: storage.Conflict, Op: "publishing", Path: name, Err: storage.ErrChanged}
	}
	p.dir.set(name, p.part.node)
	f.owed[p.dir] = true
	if p.key != "" {
		delete(f.disk.parts, p.key)
	}
	p.ended = true
	return err
}

// Finish makes names, folders and kept files durable, or, when it fails, some.
func (f *simFolder) Finish() (r storage.Report, err error) {
	half, err := f.disk.enter(f.owner, opFinish)
	defer f.disk.mu.Unlock()
	if f.finished {
		f.misuse("Finish twice")
	}
	if err != nil && !half {
		return r, err
	}
	f.finished = true
	if f.hasMeta {
		f.disk.root.mode, f.disk.root.mtime = f.mode, f.mtime
	}
	for n := range f.owed {
		if !half || n.ino%2 == 0 {
			n.sync()
		}
	}
	for _, n := range f.kept {
		if !half {
			n.sync()
		}
	}
	return r, err
}
