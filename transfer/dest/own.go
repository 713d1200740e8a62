package dest

import (
	"errors"
	"os"
	"sync"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// holders tells which entry an item of several names that was there belongs to. The
// names of one item have one mode, owner and time: what one entry is given, all get.
type holders struct {
	mu    sync.Mutex
	items map[fileID]uint64 // entry ids; at most tree.MaxHardLinks
}

// takes reports whether e may have the item, which info is of, to change it: no
// other name of it is known to be another entry's. Linked says that hard links to e
// come, which the item's other names may then be.
func (h *holders) takes(e *tree.Entry, info tree.Info, linked, change bool) bool {
	if info.Nlink < 2 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := fileID{info.Dev, info.Ino}
	by, held := h.items[id]
	switch {
	case held:
		return by == e.ID
	case change && !linked:
		return false
	case len(h.items) >= tree.MaxHardLinks:
		return false
	}
	h.items[id] = e.ID
	return true
}

// renew puts an item of its own, with e's metadata, in the place of one that has other
// names too, and that is e but for the metadata, as before says. The other names keep
// what they have.
func (f *Folder) renew(n *node, e *tree.Entry, before tree.Info) error {
	switch before.Kind {
	case tree.File:
		return f.renewFile(n, e, before)
	case tree.Symlink:
		return f.putLink(n, e, true)
	}
	return f.makeNode(n, e, true)
}

// renewFile copies the content, and compares the copy with what it is copied from.
func (f *Folder) renewFile(n *node, e *tree.Entry, before tree.Info) error {
	from, info, err := n.dir.OpenFile(e.Name)
	if err != nil {
		return err
	}
	defer from.Close() // read only
	if !info.SameFile(before) || info.Size != e.Size {
		return ErrChanged
	}
	p, err := f.Begin(e)
	if err != nil {
		return err
	}
	pub := &Publication{P: p, E: e, Replace: true, Expect: &before}
	if err = p.fillFrom(e, from); err == nil {
		err = errors.Join(f.Publish([]*Publication{pub}), pub.Err)
	}
	if err != nil {
		return errors.Join(err, p.Discard(true))
	}
	return nil
}

// fillFrom makes the partial a sealed copy of from.
func (p *Partial) fillFrom(e *tree.Entry, from *os.File) error {
	for index := range checksum.Chunks(e.Size) {
		if err := p.CopyChunk(from, index, checksum.ChunkLen(e.Size, index)); err != nil {
			return err
		}
	}
	buf := alignedBuffer()
	want, err := digestOf(from, buf)
	if err != nil {
		return p.fail("reading", err)
	}
	file, err := p.open()
	if err != nil {
		return p.broke("writing", err)
	}
	if err := setSize(file, e.Size); err != nil {
		return p.broke("writing", err)
	}
	got, err := digestOf(file, buf)
	if err == nil && got != want {
		err = ErrChanged // while it was copied
	}
	if err != nil {
		return p.broke("comparing", err)
	}
	p.SetDigest(want)
	return p.Seal(e, e.Size)
}
