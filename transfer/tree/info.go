package tree

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
