package progress

import (
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// Warned counts items that lack some of their metadata; Result lists each kind once.
func (t *Tracker) Warned(w transfer.ItemWarned, items int64) {
	t.mu.Lock()
	known := false
	for i := range t.result.Lost {
		if l := &t.result.Lost[i]; l.What == w.What {
			l.Items += items
			known = true
		}
	}
	if !known {
		t.result.Lost = append(t.result.Lost, transfer.Loss{What: w.What, Items: items, Code: w.Code, Path: w.Path, Remote: w.Remote})
	}
	t.leave(w)
}

// Lost counts what this side could not read, or not apply, of one item.
func (t *Tracker) Lost(path string, lost []tree.Loss) {
	for _, l := range lost {
		t.Warned(transfer.ItemWarned{Path: path, What: l.What, Code: failure.LossCode(l.Err), Err: l.Err}, 1)
	}
}

// Declined notes the kinds of metadata that are wished for and not taken.
func (t *Tracker) Declined(wish, taken tree.Metadata, code framing.Code, remote bool) {
	for _, d := range []struct {
		wished, taken bool
		what          tree.Attr
	}{
		{wish.Owner, taken.Owner, tree.AttrOwner},
		{wish.Xattrs, taken.Xattrs, tree.AttrXattrs},
		{wish.HardLinks, taken.HardLinks, tree.AttrHardLink},
		{wish.Devices, taken.Devices, tree.AttrSpecialFile},
	} {
		if d.wished && !d.taken {
			t.Warned(transfer.ItemWarned{What: d.what, Code: code, Remote: remote}, 0)
		}
	}
}
