package tree

import (
	"bytes"
	"fmt"
	"testing"
)

// known makes Accounts that look nothing up: what is not named is not known.
func known(users, groups map[string]uint32) *Accounts {
	a := NewAccounts()
	fill := func(t *accountTable, all map[string]uint32) {
		t.names, t.ids = make(map[uint32]string), make(map[string]accountID)
		for id := range uint32(100) {
			t.names[id], t.ids[fmt.Sprint("u", id)] = "", accountID{}
		}
		for name, id := range all {
			t.names[id], t.ids[name] = name, accountID{id, true}
		}
	}
	fill(&a.users, users)
	fill(&a.groups, groups)
	return a
}

const aclNone = 1<<32 - 1

func aclOf(entries ...aclEntry) []byte { return formatACL(entries) }

func TestACLGoesByName(t *testing.T) {
	there := known(map[string]uint32{"ann": 10, "bob": 20, "cid": 30}, map[string]uint32{"ann": 10, "staff": 40})
	value := aclOf(aclEntry{aclOwner, 6, aclNone}, aclEntry{aclUser, 4, 0}, aclEntry{aclUser, 7, 10}, aclEntry{aclUser, 5, 20}, aclEntry{aclUser, 3, 30}, aclEntry{aclUser, 1, 99},
		aclEntry{0x04, 4, aclNone}, aclEntry{aclGroup, 6, 10}, aclEntry{aclGroup, 2, 40}, aclEntry{aclMask, 7, aclNone}, aclEntry{0x20, 0, aclNone})
	names := there.aclNames([]Xattr{{aclAccess, value}, {aclDefault, value}, {"user.acl", aclOf(aclEntry{aclUser, 7, 50})}})
	if want := "[{false 10 ann} {false 20 bob} {false 30 cid} {true 10 ann} {true 40 staff}]"; fmt.Sprint(names) != want {
		t.Fatalf("names %v, want %s", names, want)
	}
	here := known(map[string]uint32{"ann": 25, "bob": 15, "root": 0}, map[string]uint32{"ann": 12, "staff": 11})
	got := here.localACL(value, names)
	want := aclOf(aclEntry{aclOwner, 6, aclNone}, aclEntry{aclUser, 4, 0}, aclEntry{aclUser, 5, 15}, aclEntry{aclUser, 7, 25}, aclEntry{aclUser, 3, 30}, aclEntry{aclUser, 1, 99},
		aclEntry{0x04, 4, aclNone}, aclEntry{aclGroup, 2, 11}, aclEntry{aclGroup, 6, 12}, aclEntry{aclMask, 7, aclNone}, aclEntry{0x20, 0, aclNone})
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	// Two that are one here are allowed what both were.
	both := aclOf(aclEntry{aclUser, 7, 10}, aclEntry{aclUser, 5, 20}, aclEntry{aclUser, 6, 25})
	if got, want := here.localACL(both, names), aclOf(aclEntry{aclUser, 5, 15}, aclEntry{aclUser, 6, 25}); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	for what, same := range map[string][]byte{
		"nothing": nil, "cut": value[:len(value)-1], "another version": append([]byte{3, 0, 0, 0}, value[4:]...),
		"too long": append(value[:4:4], make([]byte, maxXattrValue)...),
	} {
		if got := here.localACL(same, names); !bytes.Equal(got, same) {
			t.Errorf("%s: got %x", what, got)
		}
	}
}

func TestACLNamesAreBounded(t *testing.T) {
	a := NewAccounts()
	a.users.names, a.groups.names = make(map[uint32]string), make(map[uint32]string)
	var entries []aclEntry
	for id := range uint32(maxACLNames) {
		a.users.names[id+1], a.groups.names[id+1] = "name", string(bytes.Repeat([]byte{'g'}, maxAccountName))
		entries = append(entries, aclEntry{aclUser, 7, id + 1}, aclEntry{aclGroup, 7, id + 1})
	}
	names := a.aclNames([]Xattr{{aclAccess, formatACL(entries)}})
	if len(names) != maxACLNames || names[maxACLNames-1].Group {
		t.Errorf("%d names, the last is %v", len(names), names[len(names)-1])
	}
	clear(a.users.names)
	for id := range uint32(maxACLNames) {
		a.users.names[id+1] = ""
	}
	total := 0
	for _, n := range a.aclNames([]Xattr{{aclAccess, formatACL(entries)}}) {
		total += len(n.Name)
	}
	if total > maxACLNameBytes || total < maxACLNameBytes-maxAccountName {
		t.Errorf("names of %d bytes", total)
	}
}

// FuzzACL: a peer's ACL keeps its form, its other entries and at most its length,
// and nobody is allowed more than some entry allowed.
func FuzzACL(f *testing.F) {
	f.Add(aclOf(aclEntry{aclOwner, 6, aclNone}, aclEntry{aclUser, 7, 10}, aclEntry{aclUser, 5, 20}, aclEntry{aclGroup, 5, 20}), uint32(10), uint32(20), false)
	f.Add([]byte{2, 0, 0, 0}, uint32(0), uint32(0), true)
	f.Fuzz(func(t *testing.T, value []byte, from, to uint32, group bool) {
		to %= 100
		a := known(map[string]uint32{"x": to}, map[string]uint32{"x": to})
		before := bytes.Clone(value)
		got := a.localACL(value, []ACLName{{group, from, "x"}})
		if !bytes.Equal(value, before) {
			t.Fatal("the value was changed in place")
		}
		was, ok := parseACL(value)
		is, still := parseACL(got)
		if ok != still || !ok && !bytes.Equal(got, value) || len(got) > len(value) {
			t.Fatalf("%x became %x", value, got)
		}
		for _, e := range is {
			allowed := false
			for _, o := range was {
				id := o.id
				if o.named() && (o.tag == aclGroup) == group && id == from && from != 0 {
					id = to
				}
				allowed = allowed || o.tag == e.tag && id == e.id && e.perm&^o.perm == 0
			}
			if !allowed {
				t.Fatalf("%x became %x, in which %+v is new", value, got, e)
			}
		}
	})
}
