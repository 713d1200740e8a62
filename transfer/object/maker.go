package object

import (
	"errors"
	"io/fs"
	"maps"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// maker makes what has no content, and takes what is there: storage.Maker.
type maker struct {
	s     *store
	nodes *nodes
	find  *finder
	dress *dresser
	dry   bool // nothing is made
}

// MakeFolder is storage.Maker's. It writes nothing: see FinishFolder.
func (m *maker) MakeFolder(e *tree.Entry) (out storage.Outcome, err error) {
	if e.Kind == tree.Root {
		return storage.Outcome{Same: true}, fail("making the folder", "", m.nodes.enter(e, m.nodes.root))
	}
	p, err := m.nodes.parent(e)
	if err != nil {
		return out, fail("making the folder", m.nodes.path(e), err)
	}
	kind := uint8(0)
	if !p.in.fresh() {
		if kind, err = p.in.list.kind(p.name); err != nil {
			return out, fail("making the folder", p.path, err)
		}
	}
	d := &node{path: p.path + "/", entry: e, in: p.in}
	switch {
	case kind&isFile != 0:
		return out, fail("making the folder", p.path, &storage.Error{Kind: storage.OtherKind, Op: "making the folder", Path: p.path, Err: errTaken})
	case kind&isFolder != 0:
		out.Same, d.list = true, &listing{s: m.s, path: d.path}
	}
	if err := m.nodes.enter(e, d); err != nil {
		return storage.Outcome{}, fail("making the folder", p.path, err)
	}
	p.in.items.Add(1)
	return out, nil
}

// FinishFolder is storage.Maker's. A folder in which something is stands for itself. One in
// which nothing was put gets a mark, which has its metadata if there was none.
func (m *maker) FinishFolder(e *tree.Entry) (out storage.Outcome, err error) {
	d := m.nodes.leave(e)
	if d == nil {
		return out, fail("finishing", m.nodes.path(e), errors.New("the folder is not open here"))
	}
	if e.Kind == tree.Root {
		return storage.Outcome{Same: true}, nil
	}
	out.Same = !d.fresh()
	d.list.forget()
	if m.dry || d.items.Load() > 0 {
		return out, nil
	}
	_, err = m.s.b.Put(m.s.ctx, d.path, nil, m.dress.meta(d.entry).encode(), bucket.Condition{Absent: true})
	if kindOf(err) == bucket.Precondition {
		err = nil // it has one
	}
	return out, fail("making the folder", d.entry.Name, err)
}

// UnmakeFolder is storage.Maker's.
func (m *maker) UnmakeFolder(e *tree.Entry) error {
	if d := m.nodes.leave(e); d != nil && d.in != nil {
		d.list.forget()
		d.in.items.Add(-1)
	}
	return nil
}

// MakeLink is storage.Maker's: there are no links.
func (m *maker) MakeLink(e *tree.Entry, _ bool) (storage.Outcome, error) {
	_, err := m.nodes.parent(e)
	if err == nil {
		err = errLinks
	}
	return storage.Outcome{}, fail("making", m.nodes.path(e), err)
}

// Keep is storage.Maker's. The store has it already.
func (m *maker) Keep(e *tree.Entry) (storage.Outcome, error) {
	p, err := m.nodes.parent(e)
	if err != nil {
		return storage.Outcome{}, fail("keeping", m.nodes.path(e), err)
	}
	p.in.items.Add(1)
	return storage.Outcome{Same: true}, nil
}

// Touch is storage.Maker's. The store changes the metadata without the content. A digest that
// is there stays: nobody has read the content.
func (m *maker) Touch(e *tree.Entry) (storage.Outcome, error) { return m.touch(e, nil) }

// TouchRead is storage.Digester's. A digest that is wrong, or not there, is put right.
func (m *maker) TouchRead(e *tree.Entry, root checksum.Digest) (storage.Outcome, error) {
	return m.touch(e, &root)
}

func (m *maker) touch(e *tree.Entry, root *checksum.Digest) (out storage.Outcome, err error) {
	p, err := m.nodes.parent(e)
	if err != nil {
		return out, fail("keeping", m.nodes.path(e), err)
	}
	p.in.items.Add(1)
	o, err := m.s.b.Head(m.s.ctx, p.path)
	if errors.Is(err, fs.ErrNotExist) {
		kind, lerr := (&listing{s: m.s, path: p.in.path}).ask(p.name)
		if lerr == nil && kind&isFolder != 0 {
			err = tree.ErrNotRegular
		} else {
			err = errors.Join(storage.ErrChanged, lerr)
		}
	}
	if read := m.find.opened(p.path); err == nil && root != nil && read != "" && read != o.ETag {
		err = storage.ErrChanged
	}
	if err != nil {
		return out, fail("keeping", p.path, err)
	}
	out.Same = true
	was := decodeMeta(o.Meta)
	now := was
	now.MTime, now.HasMTime = e.MTime, true
	now.Mode, now.HasMode = m.dress.granted.Permissions(e.Mode, was.Mode), true
	out.Adjusted = now != was
	if root != nil {
		now.Digest, now.HasDigest = *root, true
	}
	if now == was {
		return out, nil
	}
	if m.dry || !out.Adjusted && o.Size > bucket.MaxCopy {
		return out, nil // such an object has no digest
	}
	all := maps.Clone(o.Meta)
	maps.Copy(all, now.encode())
	if _, err = m.s.b.Copy(m.s.ctx, o, o.Key, all, bucket.Condition{}); err == nil {
		return out, nil
	}
	if stops(fail("keeping", p.path, err)) && o.Size <= bucket.MaxCopy {
		return storage.Outcome{}, fail("keeping", p.path, err)
	}
	if !out.Adjusted {
		return out, nil // the digest is as it was
	}
	out.Adjusted, out.Lost = false, []tree.Loss{{What: tree.AttrMode, Err: err}}
	return out, nil
}
