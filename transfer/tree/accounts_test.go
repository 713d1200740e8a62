package tree

import (
	"fmt"
	"os/user"
	"strconv"
	"testing"
)

func TestAccountsResolve(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Skip("the system does not say who this is:", err)
	}
	uid, err := strconv.ParseUint(self.Uid, 10, 32)
	if err != nil {
		t.Skip("no numbers here:", err)
	}
	a := NewAccounts()
	for _, c := range []struct {
		owner   Owner
		numeric bool
		want    uint32
	}{
		{Owner{UID: 4711, User: self.Username}, false, uint32(uid)},
		{Owner{UID: 4711, User: self.Username}, true, 4711},
		{Owner{UID: 4711, User: ""}, false, 4711},
		{Owner{UID: 4711, User: "no such user here"}, false, 4711},
		// A C string would end where the known name does.
		{Owner{UID: 4711, User: self.Username + "\x00more"}, false, 4711},
		{Owner{UID: 0, User: "no such user here"}, false, 0},
		{Owner{UID: 0, User: "nobody"}, false, 0},
	} {
		for range 2 { // looked up, and remembered
			if got, _ := a.Resolve(&c.owner, c.numeric); got != c.want {
				t.Errorf("%+v: uid %d, want %d", c, got, c.want)
			}
		}
	}
	o := a.Of(Info{UID: uint32(uid), GID: 1 << 30}, false)
	if o.User != self.Username || o.UID != uint32(uid) || o.GID != 1<<30 {
		t.Errorf("%+v", o)
	}
	if o := a.Of(Info{UID: uint32(uid)}, true); o.User != "" || o.Group != "" {
		t.Errorf("numeric, and yet %+v", o)
	}
}

// A peer chooses the names: memory for them has a bound.
func TestAccountsAreBounded(t *testing.T) {
	var table accountTable
	for i := range 3 * maxAccounts {
		table.id(fmt.Sprint("user", i), 5, func(string) string { return "" })
		table.name(uint32(i), func(string) string { return "x" })
	}
	if len(table.ids) > maxAccounts || len(table.names) > maxAccounts {
		t.Errorf("%d and %d remembered", len(table.ids), len(table.names))
	}
}
