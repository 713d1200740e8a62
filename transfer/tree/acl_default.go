package tree

// The entries of an ACL that permission bits stand for.
const (
	aclOwner  = 0x01
	aclOwning = 0x04 // the owning group
	aclMask   = 0x10 // of all groups and named users
	aclOther  = 0x20
)

// DefaultACL is what a folder gives to all that is made in it, acl(5); nil for none.
// There it stands for the umask.
type DefaultACL []aclEntry

// permissions are the bits of 0777 that it leaves to an item.
func (acl DefaultACL) permissions() (bits uint32) {
	for _, e := range acl {
		bits |= uint32(e.perm&7) << acl.shift(e.tag)
	}
	return bits
}

// shift tells which bits of a mode the entry tag is; a shift by more for none.
func (acl DefaultACL) shift(tag uint16) uint {
	group := uint16(aclOwning)
	for _, e := range acl {
		if e.tag == aclMask {
			group = aclMask
		}
	}
	switch tag {
	case aclOwner:
		return 6
	case group:
		return 3
	case aclOther:
		return 0
	}
	return 32
}

// access is the ACL of an item with the bits of 0777 in permissions, in the form of
// system.posix_acl_access.
func (acl DefaultACL) access(permissions uint32) []byte {
	own := make([]aclEntry, len(acl))
	for i, e := range acl {
		if at := acl.shift(e.tag); at < 32 {
			e.perm = uint16(permissions>>at) & 7
		}
		own[i] = e
	}
	return formatACL(own)
}
