package transfer

import (
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer/tree"
)

// granted is what of the metadata the receiver takes; before ACCEPT, what was
// offered may be sent.
func (s *sender) granted() tree.Metadata {
	select {
	case <-s.accepted:
		return metadataOf(s.accept.Flags)
	default:
		return s.wish
	}
}

// errManyLinks: the table of items with several names was full.
var errManyLinks = errors.New("more items with several names than are remembered; each of these names is sent as an item of its own")

// countCopies notes the items whose names are sent as items of their own.
func (s *sender) countCopies(links *tree.HardLinks) {
	if n := links.Copies(); n > 0 {
		s.track.warned(ItemWarned{What: tree.AttrHardLink, Code: framing.CodeUnsupported, Err: errManyLinks}, int64(n))
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
		return tree.Metadata{}, linkError("sending the offer", err)
	}
	defer b.s.track.offDisk()() // the walk is not at its disk now
	select {
	case <-b.s.accepted:
		return metadataOf(b.s.accept.Flags), nil
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
	w := wireEntry(it, b.s.granted())
	b.record = w.Append(b.record[:0])
	folder := it.Kind == tree.Folder || it.Kind == tree.Root
	if folder && w.Ext != nil && len(w.Ext.Xattrs) > 0 && b.openCost+int64(len(b.record)) > b.s.entryCost.Load()/2 {
		w.Ext.Xattrs, w.Ext.Missing, w.Ext.Names = nil, true, nil
		b.record = w.Append(b.record[:0])
		b.s.track.lost(it.Display, []tree.Loss{{What: tree.AttrXattrs, Err: errDeepAttributes}})
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
	if extra := w.Attrs &^ allowed(metadataOf(s.accept.Flags)); extra != 0 {
		return violation("WARN of attributes %#x, which were not granted", extra)
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
		return violation("WARN for entry %d, which was not announced", w.ID)
	case again:
		return violation("WARN for entry %d again", w.ID)
	}
	for _, what := range wireAttributes {
		if w.Attrs&framing.Attributes(what) != 0 {
			s.track.warned(ItemWarned{Path: path, What: what, Code: w.Code, Remote: true}, 1)
		}
	}
	return nil
}
