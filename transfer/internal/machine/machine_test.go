package machine

import "testing"

// The mark of a machine on a connection is its own there, and zero where it could be that of
// another machine.
func TestOnConnection(t *testing.T) {
	one, same, two := Machine{id: "one", sure: true}, Machine{id: "one", sure: true}, Machine{id: "two", sure: true}
	a, b := []byte("a connection"), []byte("another")
	none := [markSize]byte{}
	switch {
	case one.OnConnection(a) == none, one.OnConnection(a) != same.OnConnection(a):
		t.Error("a machine is not itself")
	case one.OnConnection(a) == two.OnConnection(a):
		t.Error("two machines are one")
	case one.OnConnection(a) == one.OnConnection(b):
		t.Error("two connections show that they are of one machine")
	case Machine{id: "name"}.OnConnection(a) != none:
		t.Error("a name of a host is taken for a machine")
	}
}
