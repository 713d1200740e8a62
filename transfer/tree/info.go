package tree

// Info is what the file system says about an item, links not followed.
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

// SameVersion reports whether kind, size, times and identity are the same in a and b, so
// that as far as can be seen without reading nothing has changed. It may not see a write
// through a shared mapping, nor a second write within a tick of the clock.
func (a Info) SameVersion(b Info) bool {
	return a.Kind == b.Kind && a.Size == b.Size && a.MTime == b.MTime &&
		a.CTime == b.CTime && a.SameFile(b)
}

// SameFile reports whether a and b are one inode. Where the system gives no identity it
// reports true.
func (a Info) SameFile(b Info) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino
}
