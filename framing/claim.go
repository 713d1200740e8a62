package framing

// Claim takes a room for a listener, who then waits in it.
type Claim struct {
	Allocate bool     // the relay chooses a number that is free
	Room     [16]byte // RelayRoom; zero with Allocate
	// Ticket is made up by the listener, once for a session, and is not zero. Whoever
	// has the room's ticket may claim it again.
	Ticket   [32]byte
	Instance [8]byte // told to those who seek the room
}

// ParseClaim parses the body of a CLAIM.
func ParseClaim(b []byte) (Claim, error) {
	d := decoder{t: TypeClaim, b: b}
	m := Claim{Allocate: d.flag("allocate")}
	copy(m.Room[:], d.raw("room", len(m.Room)))
	copy(m.Ticket[:], d.raw("ticket", len(m.Ticket)))
	copy(m.Instance[:], d.raw("instance", len(m.Instance)))
	if d.err == nil && m.Allocate != (m.Room == [16]byte{}) {
		d.fail("room", errMismatch)
	}
	if d.err == nil && m.Ticket == [32]byte{} {
		d.fail("ticket", errRange)
	}
	if err := d.end(); err != nil {
		return Claim{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Claim) Append(b []byte) []byte {
	b = appendFlag(b, m.Allocate)
	b = append(b, m.Room[:]...)
	b = append(b, m.Ticket[:]...)
	return append(b, m.Instance[:]...)
}
