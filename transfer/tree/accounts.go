package tree

import (
	"os/user"
	"strconv"
	"strings"
	"sync"
)

// maxAccounts bounds each of the four tables of Accounts. A full table is emptied, and
// what is asked for again is looked up again.
const maxAccounts = 4096

// maxAccountName is the wire's limit of a user's or group's name, in bytes.
const maxAccountName = 255

// Accounts knows users and groups by number and by name. It remembers what the
// system said, since a look-up may read a whole file or ask a server. Safe for
// concurrent use.
type Accounts struct {
	mu     sync.Mutex
	users  accountTable
	groups accountTable
}

// accountTable remembers absent accounts too: by an empty name, and by a found of false.
type accountTable struct {
	names map[uint32]string
	ids   map[string]accountID
}

type accountID struct {
	id    uint32
	found bool
}

// NewAccounts returns an Accounts that has looked up nothing yet.
func NewAccounts() *Accounts { return &Accounts{} }

// Of returns the owner of the item that info is about. Numeric leaves the names out.
func (a *Accounts) Of(info Info, numeric bool) *Owner {
	o := &Owner{UID: info.UID, GID: info.GID}
	if numeric {
		return o
	}
	o.User, o.Group = a.nameOf(info.UID, false), a.nameOf(info.GID, true)
	return o
}

// Resolve returns the numbers that o has on this machine: by name if the name is known
// here, else as they are. 0 is 0 everywhere.
func (a *Accounts) Resolve(o *Owner, numeric bool) (uid, gid uint32) {
	if numeric {
		return o.UID, o.GID
	}
	return a.idOf(o.User, o.UID, false), a.idOf(o.Group, o.GID, true)
}

// nameOf returns the name of a user or group on this machine; empty if not known.
func (a *Accounts) nameOf(id uint32, group bool) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if group {
		return a.groups.name(id, groupName)
	}
	return a.users.name(id, userName)
}

// idOf returns the number of a user or group on this machine, or else the number that
// the sender told.
func (a *Accounts) idOf(name string, number uint32, group bool) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if group {
		return a.groups.id(name, number, groupID)
	}
	return a.users.id(name, number, userID)
}

func (t *accountTable) name(id uint32, look func(string) string) string {
	name, known := t.names[id]
	if known {
		return name
	}
	if name = look(strconv.FormatUint(uint64(id), 10)); len(name) > maxAccountName {
		name = ""
	}
	if t.names == nil || len(t.names) >= maxAccounts {
		t.names = make(map[uint32]string)
	}
	t.names[id] = name
	return name
}

func (t *accountTable) id(name string, number uint32, look func(string) string) uint32 {
	// The system's call takes a C string: what follows a NUL would be cut off,
	// and another name be looked up.
	if number == 0 || name == "" || len(name) > maxAccountName || strings.ContainsAny(name, "\x00\n:") {
		return number
	}
	have, known := t.ids[name]
	if !known {
		if v, err := strconv.ParseUint(look(name), 10, 32); err == nil && v <= maxOwnerID {
			have = accountID{uint32(v), true}
		}
		if t.ids == nil || len(t.ids) >= maxAccounts {
			t.ids = make(map[string]accountID)
		}
		t.ids[name] = have
	}
	if !have.found {
		return number
	}
	return have.id
}

// The look-ups return an empty string for an account that does not exist or cannot be
// looked up now. The number then serves.

func userName(id string) string {
	u, err := user.LookupId(id)
	if err != nil {
		return ""
	}
	return u.Username
}

func groupName(id string) string {
	g, err := user.LookupGroupId(id)
	if err != nil {
		return ""
	}
	return g.Name
}

func userID(name string) string {
	u, err := user.Lookup(name)
	if err != nil {
		return ""
	}
	return u.Uid
}

func groupID(name string) string {
	g, err := user.LookupGroup(name)
	if err != nil {
		return ""
	}
	return g.Gid
}
