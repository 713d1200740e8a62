package wire

import (
	"ferry/framing"
	"ferry/transfer/tree"
)

// Flags is m as flags of OFFER and ACCEPT.
func Flags(m tree.Metadata) (flags uint32) {
	for _, f := range []struct {
		on   bool
		flag uint32
	}{
		{m.Owner, framing.FlagOwner},
		{(m.Owner || m.Xattrs) && m.Numeric, framing.FlagNumeric},
		{m.Xattrs, framing.FlagXattrs},
		{m.HardLinks, framing.FlagHardLinks},
		{m.Devices, framing.FlagDevices},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// Metadata is what the flags of an OFFER or ACCEPT say about metadata.
func Metadata(flags uint32) tree.Metadata {
	return tree.Metadata{
		Owner:     flags&framing.FlagOwner != 0,
		Numeric:   flags&(framing.FlagOwner|framing.FlagXattrs) != 0 && flags&framing.FlagNumeric != 0,
		Xattrs:    flags&framing.FlagXattrs != 0,
		HardLinks: flags&framing.FlagHardLinks != 0,
		Devices:   flags&framing.FlagDevices != 0,
	}
}

// ModeBits are the mode bits that an entry of the sender tells, and that are
// looked at when it is asked whether the item is still what was told.
func ModeBits(e *tree.Entry) uint32 {
	if e.Extra != nil && e.Extra.Owner != nil {
		return 0o7777
	}
	return 0o777
}

// holes are the bytes of an item that take no space, about.
func holes(it *tree.Item) uint64 {
	if it.Kind != tree.File || it.Info.Allocated < 0 {
		return 0
	}
	return uint64(max(it.Size-it.Info.Allocated, 0))
}

// wireExtra is the part of x that m allows; nil if nothing is left.
func wireExtra(x *tree.Extra, m tree.Metadata) *framing.Extension {
	if x == nil {
		return nil
	}
	var w framing.Extension
	if o := x.Owner; o != nil && m.Owner {
		w.Owner = &framing.Owner{UID: o.UID, GID: o.GID, User: []byte(o.User), Group: []byte(o.Group)}
	}
	if m.Xattrs {
		w.Missing = x.Missing
		for _, a := range x.Xattrs {
			w.Xattrs = append(w.Xattrs, framing.Xattr{Name: []byte(a.Name), Value: a.Value})
		}
		for _, n := range x.Names {
			name := framing.ACLName{Kind: framing.ACLUser, ID: n.ID, Name: []byte(n.Name)}
			if n.Group {
				name.Kind = framing.ACLGroup
			}
			w.Names = append(w.Names, name)
		}
	}
	if w.Owner == nil && len(w.Xattrs) == 0 && !w.Missing {
		return nil
	}
	return &w
}

// treeExtra takes an extension off the wire. It keeps nothing of the frame.
func treeExtra(w *framing.Extension) *tree.Extra {
	if w == nil {
		return nil
	}
	x := &tree.Extra{Missing: w.Missing}
	if o := w.Owner; o != nil {
		x.Owner = &tree.Owner{UID: o.UID, GID: o.GID, User: string(o.User), Group: string(o.Group)}
	}
	if len(w.Xattrs) > 0 {
		x.Xattrs = make([]tree.Xattr, len(w.Xattrs))
		for i, a := range w.Xattrs {
			x.Xattrs[i] = tree.Xattr{Name: string(a.Name), Value: append([]byte(nil), a.Value...)}
		}
	}
	for _, n := range w.Names {
		x.Names = append(x.Names, tree.ACLName{Group: n.Kind == framing.ACLGroup, ID: n.ID, Name: string(n.Name)})
	}
	return x
}

// Weight is what of an entry's record can be large, in bytes: never more than
// the record has, so that a sender that keeps to its window of them is never
// above it here.
func Weight(e *framing.Entry) int64 {
	n := len(e.Name) + len(e.Target)
	if x := e.Ext; x != nil {
		if x.Owner != nil {
			n += len(x.Owner.User) + len(x.Owner.Group)
		}
		for _, a := range x.Xattrs {
			n += len(a.Name) + len(a.Value)
		}
		for _, a := range x.Names {
			n += len(a.Name)
		}
	}
	return int64(n)
}

// Narrow takes off e what was not granted.
func Narrow(e *tree.Entry, m tree.Metadata) {
	if !m.Owner {
		e.Mode &= 0o777
	}
	x := e.Extra
	if x == nil {
		return
	}
	if !m.Owner {
		x.Owner = nil
	}
	if !m.Xattrs {
		x.Xattrs, x.Missing, x.Names = nil, false, nil
	}
	if x.Owner == nil && x.Xattrs == nil && !x.Missing {
		e.Extra = nil
	}
}
