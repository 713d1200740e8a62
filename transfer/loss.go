package transfer

import (
	"errors"
	"io/fs"
	"syscall"

	"ferry/framing"
	"ferry/transfer/tree"
)

// Loss is one kind of metadata that was asked for and that some items do not
// have at the destination. They are delivered otherwise.
type Loss struct {
	What  tree.Attr
	Items int64        // 0: it is not taken at all
	Code  framing.Code // cause of the first
	Path  string       // of the first, as this side names it; may be empty
	// Remote: the other side found the first of it.
	Remote bool
}

// ItemWarned tells that an item is delivered without some of its metadata, or,
// with an empty path, that this holds for the delivery as a whole.
type ItemWarned struct {
	Path   string
	What   tree.Attr
	Code   framing.Code
	Err    error // what is known beyond the code; may be nil
	Remote bool  // the other side found it
}

func (ItemWarned) event() {}

// Stood is Loss.Stood.
func (w ItemWarned) Stood() bool { return stood(w.What) }

// warned counts items that lack some of their metadata; Result lists each kind once.
func (t *tracker) warned(w ItemWarned, items int64) {
	t.mu.Lock()
	known := false
	for i := range t.result.Lost {
		if l := &t.result.Lost[i]; l.What == w.What {
			l.Items += items
			known = true
		}
	}
	if !known {
		t.result.Lost = append(t.result.Lost, Loss{What: w.What, Items: items, Code: w.Code, Path: w.Path, Remote: w.Remote})
	}
	t.mu.Unlock()
	t.tell(w)
}

// lost counts what this side could not read, or not apply, of one item.
func (t *tracker) lost(path string, lost []tree.Loss) {
	for _, l := range lost {
		t.warned(ItemWarned{Path: path, What: l.What, Code: lossCode(l.Err), Err: l.Err}, 1)
	}
}

// Exposes reports that l is about folders at this side, and no metadata of items.
func (l Loss) Exposes() bool { return exposes(l.What) }

func exposes(what tree.Attr) bool { return what == tree.AttrForeign || what == tree.AttrOpen }

// Stood reports that l is of what stood at this side already, and of no metadata that
// could not be applied: only the receiver knows it.
func (l Loss) Stood() bool { return stood(l.What) }

func stood(what tree.Attr) bool { return exposes(what) || what == tree.AttrUnsureLink }

func ofWhatStood(lost []Loss) (found []Loss) {
	for _, l := range lost {
		if l.Stood() {
			found = append(found, l)
		}
	}
	return found
}

// declined notes the kinds of metadata that are wished for and not taken.
func (t *tracker) declined(wish, taken tree.Metadata, code framing.Code, remote bool) {
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
			t.warned(ItemWarned{What: d.what, Code: code, Remote: remote}, 0)
		}
	}
}

// lossCode classifies why metadata cannot be had.
func lossCode(err error) framing.Code {
	var number syscall.Errno
	switch {
	case errors.Is(err, tree.ErrDeclined):
		return framing.CodeDeclined
	case errors.Is(err, fs.ErrPermission):
		return framing.CodePermission
	case errors.Is(err, tree.ErrName):
		return framing.CodeName
	case tree.Refused(err) || !errors.As(err, &number):
		return framing.CodeUnsupported
	case number == syscall.ENOSPC:
		return framing.CodeNoSpace
	}
	return framing.CodeIO
}

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
