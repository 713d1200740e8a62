package framing

import (
	"bytes"
	"encoding/binary"
)

// Limits of an extension block. Of a set of attributes that does not fit, a part is
// sent and marked as such.
const (
	MaxXattrs     = 4096      // attributes of one entry
	MaxXattrName  = 255       // bytes
	MaxXattrValue = 64 << 10  // bytes
	MaxXattrBytes = 128 << 10 // names and values of one entry together
	MaxAccount    = 255       // bytes of a user's or group's name
	MaxID         = 1<<32 - 2 // uid, gid; 2^32-1 means "leave it" to chown(2)

	MaxACLNames     = 1024     // users and groups of one entry's ACLs that are named
	MaxACLNameBytes = 32 << 10 // their names together
)

// The parts of an extension block.
const (
	partOwner   = 1 << iota
	partXattrs  // at least one
	partMissing // no fields
	partNames   // at least one; with partXattrs only

	partsKnown = partNames<<1 - 1
)

// Extension is what an entry has beyond mode and time. An Extension without any part
// has no encoding.
type Extension struct {
	Owner   *Owner
	Xattrs  []Xattr // in the bytewise order of their names, each once
	Missing bool    // the item has further attributes, which are not here
	// Names are the names of users and groups in the ACLs among Xattrs, ascending by
	// kind and number, each once. Some users and groups may have none.
	Names []ACLName
}

// ACLName is what a number in an ACL is called at the sender.
type ACLName struct {
	Kind ACLKind
	ID   uint32 // at most MaxID
	Name []byte // 1 to MaxAccount bytes; not checked further here
}

// ACLKind says whether an ACLName names a user or a group.
type ACLKind uint8

// The kinds. Values are part of the wire format.
const (
	ACLUser  ACLKind = 1
	ACLGroup ACLKind = 2
)

// Owner is the user and group that an item belongs to at the sender. A name is empty if
// there is none, or if the numbers count.
type Owner struct {
	UID, GID    uint32 // at most MaxID
	User, Group []byte // at most MaxAccount bytes; not checked further here
}

// Xattr is an extended attribute. POSIX ACLs are among them, in the form of Linux.
type Xattr struct {
	Name  []byte // 1 to MaxXattrName bytes; not checked further here
	Value []byte // at most MaxXattrValue bytes
}

func (x *Extension) append(b []byte) []byte {
	var parts byte
	if x.Owner != nil {
		parts |= partOwner
	}
	if len(x.Xattrs) > 0 {
		parts |= partXattrs
	}
	if x.Missing {
		parts |= partMissing
	}
	if len(x.Names) > 0 {
		parts |= partNames
	}
	b = append(b, parts)
	if o := x.Owner; o != nil {
		b = binary.AppendUvarint(b, uint64(o.UID))
		b = binary.AppendUvarint(b, uint64(o.GID))
		b = appendBytes(b, o.User)
		b = appendBytes(b, o.Group)
	}
	if len(x.Xattrs) > 0 {
		b = binary.AppendUvarint(b, uint64(len(x.Xattrs)))
		for _, a := range x.Xattrs {
			b = appendBytes(b, a.Name)
			b = appendBytes(b, a.Value)
		}
	}
	if len(x.Names) > 0 {
		b = binary.AppendUvarint(b, uint64(len(x.Names)))
		for _, n := range x.Names {
			b = append(b, byte(n.Kind))
			b = binary.AppendUvarint(b, uint64(n.ID))
			b = appendBytes(b, n.Name)
		}
	}
	return b
}

func (d *decoder) extension() *Extension {
	parts := d.u8("extension")
	switch {
	case d.err != nil:
	case parts == 0:
		d.fail("extension", errRange)
	case parts&^partsKnown != 0:
		d.fail("extension", errNotZero)
	case parts&partNames != 0 && parts&partXattrs == 0:
		d.fail("extension", errMismatch)
	}
	if d.err != nil {
		return nil
	}
	x := &Extension{Missing: parts&partMissing != 0}
	if parts&partOwner != 0 {
		x.Owner = &Owner{
			UID:   uint32(d.uv("uid", 0, MaxID)),
			GID:   uint32(d.uv("gid", 0, MaxID)),
			User:  d.bytes("user", 0, MaxAccount),
			Group: d.bytes("group", 0, MaxAccount),
		}
	}
	if parts&partXattrs != 0 {
		x.Xattrs = d.xattrs()
	}
	if parts&partNames != 0 {
		x.Names = d.aclNames()
	}
	return x
}

// aclNames takes the list of names. It grows with the records that are there, not with
// the count that is claimed.
func (d *decoder) aclNames() []ACLName {
	var all []ACLName
	n := d.uv("names in ACLs", 1, MaxACLNames)
	room := MaxACLNameBytes
	for range n {
		a := ACLName{Kind: ACLKind(d.u8("kind of name"))}
		if d.err == nil && a.Kind != ACLUser && a.Kind != ACLGroup {
			d.fail("kind of name", errUnknown)
		}
		a.ID = uint32(d.uv("number of name", 0, MaxID))
		a.Name = d.bytes("name in an ACL", 1, MaxAccount)
		if d.err != nil {
			return nil
		}
		if room -= len(a.Name); room < 0 {
			d.fail("names in ACLs", errRange)
			return nil
		}
		if len(all) > 0 {
			if last := all[len(all)-1]; last.Kind > a.Kind || last.Kind == a.Kind && last.ID >= a.ID {
				d.fail("name in an ACL", errMismatch)
				return nil
			}
		}
		all = append(all, a)
	}
	return all
}

// xattrs takes the list of attributes. It grows with the records that are
// there, not with the count that is claimed.
func (d *decoder) xattrs() []Xattr {
	var all []Xattr
	n := d.uv("attributes", 1, MaxXattrs)
	room := MaxXattrBytes
	for range n {
		a := Xattr{Name: d.bytes("attribute name", 1, MaxXattrName)}
		a.Value = d.bytes("attribute value", 0, MaxXattrValue)
		if d.err != nil {
			return nil
		}
		if room -= len(a.Name) + len(a.Value); room < 0 {
			d.fail("attributes", errRange)
			return nil
		}
		if len(all) > 0 && bytes.Compare(all[len(all)-1].Name, a.Name) >= 0 {
			d.fail("attribute name", errMismatch)
			return nil
		}
		all = append(all, a)
	}
	return all
}
