package send

import (
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/wire"
	"ferry/transfer/tree"
)

// attributes of WARN, which have the same values.
var wireAttributes = [...]tree.Attr{tree.AttrOwner, tree.AttrSpecial, tree.AttrXattrs, tree.AttrACL, tree.AttrTime, tree.AttrMode}

// allowed are the attributes that a receiver may warn of when m was granted.
func allowed(m tree.Metadata) framing.Attributes {
	a := framing.AttrTime | framing.AttrMode
	if m.Owner {
		a |= framing.AttrOwner | framing.AttrSpecial
	}
	if m.Xattrs {
		a |= framing.AttrXattrs | framing.AttrACL
	}
	return a
}

// granted is what of the metadata the receiver takes; before ACCEPT, what was
// offered may be sent.
func (s *sender) granted() tree.Metadata {
	select {
	case <-s.accepted:
		return wire.Metadata(s.accept.Flags)
	default:
		return s.wish
	}
}

// errManyLinks: the table of items with several names was full.
var errManyLinks = errors.New("more items with several names than are remembered; each of these names is sent as an item of its own")

// countCopies notes the items whose names are sent as items of their own.
func (s *sender) countCopies(links *tree.HardLinks) {
	if n := links.Copies(); n > 0 {
		s.track.Warned(transfer.ItemWarned{What: tree.AttrHardLink, Code: framing.CodeUnsupported, Err: errManyLinks}, int64(n))
	}
}

// granted is tree.Walk.Granted. What was gathered leaves first, and so does the
// OFFER, which is alone when the first item asks: a receiver that waits for it
// would never answer.
func (b *entryBatchWriter) granted(ctx context.Context) (tree.Metadata, error) {
	if err := b.flush(); err != nil {
		return tree.Metadata{}, err
	}
	if err := b.s.link.Stream(0).Flush(); err != nil {
		return tree.Metadata{}, failure.Link("sending the offer", err)
	}
	defer b.s.track.OffDisk()() // the walk is not at its disk now
	select {
	case <-b.s.accepted:
		return wire.Metadata(b.s.accept.Flags), nil
	case <-ctx.Done():
		return tree.Metadata{}, context.Cause(ctx)
	}
}

// errDeepAttributes: the records of the folders above take up the window.
var errDeepAttributes = errors.New("too many extended attributes in the folders above it")

// encode makes the record of an item. A folder is in flight until it ends, so
// that those on one path must leave room for what is in them: one that does not
// loses its attributes.
func (b *entryBatchWriter) encode(it *tree.Item) {
	w := wire.FromItem(it, b.s.granted())
	b.record = w.Append(b.record[:0])
	folder := it.Kind == tree.Folder || it.Kind == tree.Root
	if folder && w.Ext != nil && len(w.Ext.Xattrs) > 0 && b.openCost+int64(len(b.record)) > b.s.entryCost.Load()/2 {
		w.Ext.Xattrs, w.Ext.Missing, w.Ext.Names = nil, true, nil
		b.record = w.Append(b.record[:0])
		b.s.track.Lost(it.Display, []tree.Loss{{What: tree.AttrXattrs, Err: errDeepAttributes}})
	}
}

// nameRoot remembers how the user calls a folder that stands for the destination:
// what is said of it comes after its verdict.
func (s *sender) nameRoot(it *tree.Item) {
	if it.Kind != tree.Root {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roots[it.ID] = it.Display
}

// onWarn takes what the receiver could not apply to an entry.
func (s *sender) onWarn(w framing.Warn) error {
	if extra := w.Attrs &^ allowed(wire.Metadata(s.accept.Flags)); extra != 0 {
		return failure.Violation("WARN of attributes %#x, which were not granted", extra)
	}
	s.mu.Lock()
	e, path := s.inFlight[w.ID], s.roots[w.ID]
	again := e != nil && e.warned
	if e != nil {
		e.warned, path = true, e.item.Display
	}
	unknown := w.ID > s.lastID
	s.mu.Unlock()
	switch {
	case unknown:
		return failure.Violation("WARN for entry %d, which was not announced", w.ID)
	case again:
		return failure.Violation("WARN for entry %d again", w.ID)
	}
	for _, what := range wireAttributes {
		if w.Attrs&framing.Attributes(what) != 0 {
			s.track.Warned(transfer.ItemWarned{Path: path, What: what, Code: w.Code, Remote: true}, 1)
		}
	}
	return nil
}
