package tree

import (
	"bytes"
	"slices"
)

// Apply is the metadata that an item at the receiver is to get. ToFile, ToFolder and
// ToName give it. On Windows that is the mtime, and whether the owner of a file may
// write to it.
type Apply struct {
	Mode  uint32 // & 0777; & 07777 with Owner granted
	MTime Time
	Extra *Extra // nil: the sender told nothing
	// Granted says what of Extra is to be applied. With Xattrs, the item has no
	// others than those afterwards.
	Granted  Metadata
	Accounts *Accounts // with Granted.Owner or Granted.Xattrs
	// Fresh: this delivery made the item. Permissions that it has are nobody's wish,
	// and an ACL that it may have inherited goes.
	Fresh bool
	// Inherit is what the folder that the item is in gives to what is made there. With
	// Granted.Xattrs it goes, as all that the sender does not tell; without, the item
	// has it, and of Mode no more than it leaves.
	Inherit DefaultACL
	// NoACL: without Inherit, the item has no ACL that it could have inherited where
	// it was made, and none is looked for.
	NoACL bool
	// Doubt: the file system may take what it does not keep, without an error. Then
	// the item is looked at once more, and what is not there is lost.
	Doubt bool
}

// State is what Apply can change of an item, as it stands.
type State struct {
	Info
	// Xattrs are those that a delivery carries, in the order of their names, if
	// they were asked for.
	Xattrs []Xattr
	// unread: there are further ones, which this user cannot read or are too many.
	unread bool
	// without: the file system has none.
	without bool
}

// StateOf returns what name in d is, or d itself if name is empty: links are not
// followed. Attributes that cannot be read are no error.
func StateOf(d *Dir, name string, m Metadata) (s State, err error) {
	if name == "" {
		s.Info, err = d.Stat()
	} else {
		s.Info, err = d.Lstat(name)
	}
	if err == nil && m.Xattrs {
		s.readXattrs(d, name)
	}
	return s, err
}

// SameMetadata reports whether nothing that Apply can change differs.
func (s *State) SameMetadata(o *State) bool {
	return s.Mode == o.Mode && s.UID == o.UID && s.GID == o.GID && s.MTime == o.MTime &&
		slices.EqualFunc(s.Xattrs, o.Xattrs, func(a, b Xattr) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}
