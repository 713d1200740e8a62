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
	// Granted says what of Extra is to be applied. With Xattrs, the item has no other
	// attributes afterwards.
	Granted  Metadata
	Accounts *Accounts // with Granted.Owner or Granted.Xattrs
	// Fresh says that this delivery made the item. Nobody wished for the permissions
	// that it has, and an ACL that it may have inherited is removed.
	Fresh bool
	// Inherit is the default ACL of the folder that the item is in. With
	// Granted.Xattrs an inherited ACL is removed, like all that the sender does not
	// tell. Without it the item gets the ACL, and no more of Mode than the ACL leaves.
	Inherit DefaultACL
	// NoACL says, without Inherit, that the item can have inherited no ACL where it was
	// made, so none is looked for.
	NoACL bool
	// Doubt says that the file system may take what it does not keep, without an error.
	// Then the item is looked at once more, and what it does not have is lost.
	Doubt bool
}

// State is what Apply can change of an item, as it stands.
type State struct {
	Info
	// Xattrs are the attributes that a delivery carries, in the order of their names,
	// if they were asked for.
	Xattrs []Xattr
	// unread says that there are further attributes: this user cannot read them, or
	// they are too many.
	unread bool
	// without says that the file system has no attributes.
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
