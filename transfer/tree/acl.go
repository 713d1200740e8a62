package tree

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// Limits of the names that go with the ACLs of one item, as on the wire
// (framing/PROTOCOL.md section 5.1). Accounts beyond them go by number alone.
const (
	maxACLNames     = 1024
	maxACLNameBytes = 32 << 10 // together
)

// ACLName is the name that a user or group in an ACL has at the sender.
type ACLName struct {
	Group bool
	ID    uint32
	Name  string // 1 to maxAccountName bytes
}

func (n ACLName) compare(o ACLName) int {
	if n.Group != o.Group {
		if o.Group {
			return -1
		}
		return 1
	}
	return cmp.Compare(n.ID, o.ID)
}

// aclEntry is one entry of an ACL: linux/posix_acl_xattr.h, all little-endian.
type aclEntry struct {
	tag, perm uint16
	id        uint32 // of entries with aclUser and aclGroup
}

const (
	aclVersion = 2
	aclUser    = 0x02 // a named user
	aclGroup   = 0x08 // a named group
)

func (e aclEntry) named() bool { return e.tag == aclUser || e.tag == aclGroup }

// parseACL takes an ACL in the form of system.posix_acl_access, of at most
// maxXattrValue bytes. ok is false for anything else. The system checks what the
// entries say.
func parseACL(value []byte) (all []aclEntry, ok bool) {
	if len(value) < 4 || len(value) > maxXattrValue || len(value)%8 != 4 || binary.LittleEndian.Uint32(value) != aclVersion {
		return nil, false
	}
	for b := value[4:]; len(b) > 0; b = b[8:] {
		all = append(all, aclEntry{
			tag: binary.LittleEndian.Uint16(b), perm: binary.LittleEndian.Uint16(b[2:]), id: binary.LittleEndian.Uint32(b[4:]),
		})
	}
	return all, true
}

func formatACL(all []aclEntry) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+8*len(all)), aclVersion)
	for _, e := range all {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// aclNames returns the names that the users and groups in the ACLs of attrs have here,
// in the order of the wire. It leaves out accounts without a name, and root, which is 0
// everywhere.
func (a *Accounts) aclNames(attrs []Xattr) []ACLName {
	var all []ACLName
	for _, x := range attrs {
		if attrOf(x.Name) != AttrACL {
			continue
		}
		entries, _ := parseACL(x.Value)
		for _, e := range entries {
			if e.named() && e.id != 0 && e.id <= maxOwnerID {
				all = append(all, ACLName{Group: e.tag == aclGroup, ID: e.id})
			}
		}
	}
	slices.SortFunc(all, ACLName.compare)
	all = slices.CompactFunc(all, func(x, y ACLName) bool { return x.compare(y) == 0 })
	named := all[:0]
	room := maxACLNameBytes
	for _, n := range all {
		if n.Name = a.nameOf(n.ID, n.Group); n.Name == "" || len(n.Name) > room {
			continue
		}
		if room -= len(n.Name); len(named) < maxACLNames {
			named = append(named, n)
		}
	}
	if len(named) == 0 {
		return nil
	}
	return named
}

// localACL returns an ACL with the numbers that its users and groups have here, if names
// has their names and this machine knows them. Two entries that get one number become
// one, with the permissions that both had. A value that is no ACL stays as it is, and
// the system refuses it.
func (a *Accounts) localACL(value []byte, names []ACLName) []byte {
	if len(names) == 0 {
		return value
	}
	all, ok := parseACL(value)
	changed := false
	for i, e := range all {
		if !e.named() {
			continue
		}
		group := e.tag == aclGroup
		at, found := sort.Find(len(names), func(i int) int { return ACLName{Group: group, ID: e.id}.compare(names[i]) })
		if !found {
			continue
		}
		all[i].id = a.idOf(names[at].Name, e.id, group)
		changed = changed || all[i].id != e.id
	}
	if !ok || !changed {
		return value
	}
	var out []aclEntry
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[0].named() && all[n].tag == all[0].tag {
			n++
		}
		run := all[:n]
		all = all[n:]
		// As acl(5) orders them; the system does not ask for it.
		slices.SortStableFunc(run, func(x, y aclEntry) int { return cmp.Compare(x.id, y.id) })
		for i, e := range run {
			if i > 0 && e.id == run[i-1].id {
				out[len(out)-1].perm &= e.perm
				continue
			}
			out = append(out, e)
		}
	}
	return formatACL(out)
}

// The tags of the entries that permission bits stand for.
const (
	aclOwner  = 0x01
	aclOwning = 0x04 // the owning group
	aclMask   = 0x10 // of all groups and named users
	aclOther  = 0x20
)

// DefaultACL is the default ACL of a folder, acl(5): what is made in the folder
// inherits it, and it takes the place of the umask. Nil is none.
type DefaultACL []aclEntry

// permissions are the bits of 0777 that acl leaves to an item.
func (acl DefaultACL) permissions() (bits uint32) {
	for _, e := range acl {
		bits |= uint32(e.perm&7) << acl.shift(e.tag)
	}
	return bits
}

// shift returns by how many bits a mode is shifted for the entry with that tag, and 32
// for a tag that no bits stand for.
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

// access returns the ACL that an item made in the folder gets with these permissions,
// bits of 0777, in the form of system.posix_acl_access.
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
