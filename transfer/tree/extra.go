package tree

import (
	"errors"
	"slices"
	"strings"
)

// Metadata says what a delivery carries beyond mode & 0777 and mtime.
type Metadata struct {
	Owner     bool // user, group, and mode bits 07000
	Numeric   bool // owners, and users and groups in ACLs, by number, whatever their names
	Xattrs    bool // extended attributes, POSIX ACLs among them
	HardLinks bool
	Devices   bool // devices, FIFOs and sockets
	// System, with Xattrs, is for the receiver alone: it takes attributes beyond those of
	// users and ACLs too, which rule over the system.
	System bool
	// Umask is for the receiver alone: permission bits that no new item gets, and that
	// an existing item keeps if it has them. An item that gets an access ACL has the
	// bits of that ACL.
	Umask uint32
}

// ErrDeclined is why an attribute is lost that was sent and not permitted.
var ErrDeclined = errors.New("attributes of the system are not taken")

// Declines reports whether an attribute is left out because System was not granted.
func (m Metadata) Declines(xattr string) bool { return !m.System && !ofUsers(xattr) }

// Permissions returns which bits of 0777 in sent an item gets that has the bits in have. A
// new item has none.
func (m Metadata) Permissions(sent, have uint32) uint32 {
	return sent & 0o777 & (^m.Umask | have)
}

// Limits of the extended attributes of one item, as on the wire (framing/PROTOCOL.md
// section 5.1). Attributes beyond them are left out and reported.
const (
	maxXattrs     = 4096
	maxXattrName  = 255       // bytes
	maxXattrValue = 64 << 10  // bytes
	maxXattrBytes = 128 << 10 // names and values together
)

// maxOwnerID is the highest uid or gid; the next means "leave it" to chown(2).
const maxOwnerID = 1<<32 - 2

// Extra is what an entry has beyond mode and mtime. It does not change once it is in an
// Entry.
type Extra struct {
	Owner  *Owner  // nil: not told
	Xattrs []Xattr // in the bytewise order of their names
	// Missing: the item has further attributes, which are not here.
	Missing bool
	// Names are the names of users and groups in the ACLs among Xattrs: users first, then
	// ascending by number, each once.
	Names []ACLName
}

// has reports whether x, which may be nil, has an attribute of that name.
func (x *Extra) has(name string) bool {
	return x != nil && slices.ContainsFunc(x.Xattrs, func(a Xattr) bool { return a.Name == name })
}

// Owner is the user and the group that an item belongs to at the sender. Names may be
// empty.
type Owner struct {
	UID, GID    uint32
	User, Group string
}

// Xattr is an extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Attr is a kind of metadata, with the values of the wire. AttrHardLink and
// AttrSpecialFile, which say what became of an item as a whole, never cross the wire, nor
// do AttrForeign, AttrOpen and AttrUnsureLink, which the receiver finds.
type Attr uint16

// The kinds.
const (
	AttrOwner       Attr = 1 << iota // user or group
	AttrSpecial                      // set-user-id, set-group-id and sticky bits
	AttrXattrs                       // extended attributes but ACLs
	AttrACL                          // POSIX ACLs
	AttrTime                         // mtime
	AttrHardLink                     // a further name, sent as an item of its own
	AttrSpecialFile                  // a device, FIFO or socket, left out
	AttrMode                         // mode & 0777
	AttrForeign                      // a folder that was there is another user's
	AttrOpen                         // a folder that was there, to which anybody may write
	AttrUnsureLink                   // what was there in place of a hard link may be a copy
)

func (a Attr) String() string {
	switch a {
	case AttrOwner:
		return "owner"
	case AttrSpecial:
		return "set-id or sticky bit"
	case AttrXattrs:
		return "extended attribute"
	case AttrACL:
		return "ACL"
	case AttrTime:
		return "mtime"
	case AttrHardLink:
		return "hard link"
	case AttrSpecialFile:
		return "special file"
	case AttrMode:
		return "mode"
	case AttrForeign:
		return "folder of another user"
	case AttrOpen:
		return "folder open to anybody"
	case AttrUnsureLink:
		return "hard link or copy"
	}
	return "metadata"
}

// Loss is a kind of metadata that could not be read or applied, and the first cause.
type Loss struct {
	What Attr
	Err  error
}

// losses is a list with one Loss of a kind at most, whatever a peer sends.
type losses []Loss

func (l *losses) add(what Attr, err error) {
	for _, have := range *l {
		if have.What == what {
			return
		}
	}
	*l = append(*l, Loss{what, err})
}

func (l losses) has(what Attr) bool {
	for _, have := range l {
		if have.What == what {
			return true
		}
	}
	return false
}

// The attributes that POSIX ACLs are on Linux.
const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

// attrOf tells ACLs from other attributes.
func attrOf(xattr string) Attr {
	if xattr == aclAccess || xattr == aclDefault {
		return AttrACL
	}
	return AttrXattrs
}

// errXattrs says that an item has more or larger attributes than an entry may carry.
var errXattrs = errors.New("too many or too large extended attributes to be sent")

// checkXattr returns an error that wraps ErrName unless the name can be given to
// the system.
func checkXattr(name string) error {
	if name == "" || len(name) > maxXattrName || strings.IndexByte(name, 0) >= 0 {
		return ErrName
	}
	return nil
}
