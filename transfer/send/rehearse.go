package send

import (
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// rehearse opens and closes a file as a delivery would, in a dry run. Streams are
// not tried: to open one may wait, and may take what another reader is to get.
func (b *entryBatchWriter) rehearse(it *tree.Item) {
	if !b.s.opt.DryRun {
		return
	}
	switch it.Kind {
	case tree.File:
		f, _, err := it.Open()
		if err == nil {
			_ = f.Close() // nothing was read or written
			return
		}
		d := &progress.Doomed{Err: failure.Source("opening", it.Display, err)}
		if it.Linked {
			if b.unread == nil {
				b.unread = make(map[uint64]*progress.Doomed)
			}
			b.unread[it.ID] = d
		}
		b.s.track.Doom(d)
	case tree.HardLink:
		if first := b.unread[it.LinkTo]; first != nil {
			b.s.track.Doom(&progress.Doomed{Of: first, Err: &transfer.Error{Op: "linking", Path: it.Display, Code: first.Err.Code, Err: failure.ErrTarget}})
		}
	}
}
