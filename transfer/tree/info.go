package tree

import (
	"bytes"
	"slices"
)

// Info is what the file system says of an item, links not followed.
type Info struct {
	Kind  Kind   // File, Folder, Symlink or KindOther
	Mode  uint32 // & 07777: set-id and sticky bits included
	Size  int64  // bytes
	MTime Time
	// CTime, Dev, Ino and Nlink are zero where the system does not give them.
	CTime           Time
	Dev, Ino, Nlink uint64
	// Special is what an item of KindOther is: FIFO, CharDevice, BlockDevice or
	// Socket, or 0 if the system does not say. Major and Minor are a device's.
	Special      Kind
	Major, Minor uint32
	// UID and GID are meaningful where the system has owners.
	UID, GID uint32
	// Allocated is the space on disk in bytes, -1 where the system does not say.
	Allocated int64
}

// SameVersion reports whether nothing that can be seen without reading has
// changed between a and b: size, times and identity. A write through a shared
// mapping, or one within the clock tick of the one before, may go unseen.
func (a Info) SameVersion(b Info) bool {
	return a.Kind == b.Kind && a.Size == b.Size && a.MTime == b.MTime &&
		a.CTime == b.CTime && a.SameFile(b)
}

// SameFile reports whether a and b are one inode. It knows nothing, and says
// yes, where the system gives no identity.
func (a Info) SameFile(b Info) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino
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

// State returns what name in d is, or d itself if name is empty: links are not
// followed. Attributes that cannot be read are no error.
func (d *Dir) State(name string, m Metadata) (s State, err error) {
	if name == "" {
		s.Info, err = d.Stat()
	} else {
		s.Info, err = d.Lstat(name)
	}
	if err == nil && m.Xattrs {
		d.readState(name, &s)
	}
	return s, err
}

// SameMetadata reports whether nothing that Apply can change differs.
func (s *State) SameMetadata(o *State) bool {
	return s.Mode == o.Mode && s.UID == o.UID && s.GID == o.GID && s.MTime == o.MTime &&
		slices.EqualFunc(s.Xattrs, o.Xattrs, func(a, b Xattr) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}
