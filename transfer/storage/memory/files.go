package memory

import (
	"fmt"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Begin is storage.Files'. Files of one chunk or less, and streams, leave nothing to the
// next delivery.
func (f *Folder) Begin(e *tree.Entry, _ bool) (storage.Partial, error) {
	in, err := f.in(e, Begin)
	defer f.disk.mu.Unlock()
	if err != nil {
		return nil, err
	}
	p := &partial{f: f, dir: in.node, name: e.Name, path: in.path + e.Name, size: e.Size}
	if e.Kind == tree.Stream {
		p.size = -1
	}
	if p.size <= checksum.ChunkSize {
		p.part = f.disk.newPart(p.path)
		return p, nil
	}
	p.key = fmt.Sprintf("%s %d %v", p.path, e.Size, e.MTime)
	part, reused, err := f.claim(p.key, p.path)
	if err != nil {
		return nil, f.fail(Begin, e, storage.Locked, err)
	}
	p.part, p.reused = part, reused
	if n := int64(len(part.node.data)); n > e.Size {
		part.node.data = part.node.data[:e.Size]
	}
	for i := range part.claims {
		if i >= checksum.Chunks(e.Size) {
			delete(part.claims, i)
		}
	}
	return p, nil
}

func (d *Disk) newPart(path string) *part {
	return &part{path: path, node: d.node(tree.File), claims: make(map[uint64]checksum.CV)}
}

// claim finds what an earlier delivery left under key, or else of another version of the
// path, or begins anew.
func (f *Folder) claim(key, path string) (p *part, reused bool, err error) {
	d := f.disk
	p = d.parts[key]
	if p == nil {
		for _, other := range sortedKeys(d.parts) { // of another version: a basis
			if o := d.parts[other]; o.path == path && o.holder == nil {
				delete(d.parts, other)
				p = o
				break
			}
		}
	}
	switch {
	case p == nil:
		p = d.newPart(path)
	case p.holder != nil:
		return nil, false, storage.ErrLocked
	default:
		reused = true
		p.node.synced = false
	}
	p.holder = f
	d.parts[key] = p
	return p, reused, nil
}

// Publish is storage.Files': it syncs each file and then names each.
func (f *Folder) Publish(batch []*storage.Publication) error {
	for _, pub := range batch {
		pub.Name, pub.Lost, pub.Err = "", nil, f.syncPartial(pub)
	}
	var stop error
	for _, pub := range batch {
		if pub.Err == nil {
			pub.Err = f.place(pub)
		}
		switch kind := storage.KindOf(pub.Err); {
		case pub.Err == nil, stop != nil:
		case kind == 0, kind == storage.IO, kind == storage.NoSpace, kind == storage.ReadOnly:
			stop = pub.Err
		}
	}
	return stop
}

// syncPartial makes a file's content durable. A failure takes the partial with it,
// and what it held is not on the disk, whatever can be read.
func (f *Folder) syncPartial(pub *storage.Publication) error {
	p, ok := pub.Partial.(*partial)
	half, err := f.enter(Sync, f.Path(pub.Entry))
	defer f.disk.mu.Unlock()
	switch {
	case !ok:
		return f.misused("%q was begun elsewhere", pub.Entry.Name)
	case p.failed != nil:
		return p.failed
	case !p.sealed || p.ended:
		return f.misused("%q was published and is not complete", p.name)
	case pub.Entry.Name != p.name:
		return f.fail(Name, pub.Entry, storage.Name, fmt.Errorf("it was begun as %q", p.name))
	case f.killed:
		return err
	case err != nil && storage.KindOf(err) == 0: // it dies in the middle of this
		p.part.node.synced = half
		return err
	case err != nil:
		p.failed, p.ended, p.part.node.lying = err, true, true
		delete(f.disk.parts, p.key)
		return err
	}
	if !f.opts.NoSync {
		p.part.node.sync()
	}
	return nil
}

// place gives a name, all at once or not at all. An error or a death halfway comes
// after that: the name is there, and its caller does not know.
func (f *Folder) place(pub *storage.Publication) error {
	p := pub.Partial.(*partial)
	half, err := f.enter(Name, f.Path(pub.Entry))
	defer f.disk.mu.Unlock()
	if err != nil && !half {
		return err
	}
	d, name, taken := f.disk, pub.Entry.Name, ""
	there, _ := d.find(p.dir, name)
	for i := 1; there != nil && pub.Rename && !pub.Replace && i <= storage.MaxAlternatives; i++ {
		taken = storage.Alternative(pub.Entry.Name, i)
		there, _ = d.find(p.dir, taken)
	}
	switch {
	case there == nil:
	case !pub.Replace:
		return f.fail(Name, pub.Entry, storage.Conflict, errTaken)
	case pub.Expect != nil && !unchanged(there.info(), *pub.Expect):
		return f.fail(Name, pub.Entry, storage.Conflict, storage.ErrChanged)
	case there.kind == tree.Folder:
		return f.fail(Name, pub.Entry, storage.OtherKind, errTaken)
	}
	if taken != "" {
		name, pub.Name = taken, taken
	}
	d.set(p.dir, name, p.part.node)
	f.owed[p.dir] = true
	if p.key != "" {
		delete(d.parts, p.key)
	}
	p.ended, pub.Lost = true, p.lost
	f.remember(pub.Entry, p.part.node)
	return err
}
