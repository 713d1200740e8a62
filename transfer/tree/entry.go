package tree

import "time"

// Kind says what an entry or an existing item is. The values below KindOther
// are used on the wire (framing/PROTOCOL.md) and never change.
type Kind uint8

// The kinds. Stream is content of unknown length, Root the destination folder
// itself, FolderEnd the mark after a folder's last child.
const (
	File     Kind = 1
	Folder   Kind = 2
	Symlink  Kind = 3
	HardLink Kind = 4
	Stream   Kind = 5
	Root     Kind = 6
	FIFO     Kind = 7
	// CharDevice and BlockDevice have numbers instead of content.
	CharDevice  Kind = 8
	BlockDevice Kind = 9
	Socket      Kind = 10
	FolderEnd   Kind = 15
	// KindOther is a FIFO, socket or device found on disk. Info.Special says which. It
	// has no wire value.
	KindOther Kind = 255
)

func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Folder:
		return "folder"
	case Symlink:
		return "symbolic link"
	case HardLink:
		return "hard link"
	case Stream:
		return "stream"
	case Root:
		return "root"
	case FIFO:
		return "FIFO"
	case CharDevice:
		return "character device"
	case BlockDevice:
		return "block device"
	case Socket:
		return "socket"
	case FolderEnd:
		return "end of folder"
	case KindOther:
		return "special file"
	}
	return "unknown kind"
}

// Time is a moment as seconds since 1970 UTC, which may be negative, and
// nanoseconds below 1e9.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Common reports whether every file system with exact times can hold t.
func (t Time) Common() bool { return 0 <= t.Sec && t.Sec < 1<<31 }

// After reports whether t is later than u.
func (t Time) After(u Time) bool { return t.Sec > u.Sec || t.Sec == u.Sec && t.Nsec > u.Nsec }

// Std converts t without loss.
func (t Time) Std() time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// Entry is one item of an offer. Parent is the ID of the folder it is in, 0 at
// the top. Ids start at 1 and belong to one walk.
type Entry struct {
	ID, Parent uint64
	Kind       Kind
	Name       string // one component, see CheckName; empty for Root and FolderEnd
	Mode       uint32 // permission bits, & 0777; & 07777 with Metadata.Owner
	MTime      Time
	Size       int64  // bytes; -1 when unknown
	Target     string // of a symbolic link, see CheckTarget
	// LinkTo is the ID of the item that a HardLink is a further name of. Linked says,
	// of that item and of a HardLink, that more names of the item may follow.
	LinkTo       uint64
	Linked       bool
	Major, Minor uint32 // of a device
	Extra        *Extra // nil: nothing beyond mode and mtime is told
}
