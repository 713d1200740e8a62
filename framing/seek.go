package framing

// Seek asks for a connection to the listener of a room.
type Seek struct {
	Room [16]byte // RelayRoom
	Call [16]byte // of an OK before in this room: a further connection of that link. Zero: the first one
}

// ParseSeek parses the body of a SEEK.
func ParseSeek(b []byte) (Seek, error) {
	d := decoder{t: TypeSeek, b: b}
	var m Seek
	copy(m.Room[:], d.raw("room", len(m.Room)))
	copy(m.Call[:], d.raw("call", len(m.Call)))
	if err := d.end(); err != nil {
		return Seek{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Seek) Append(b []byte) []byte { return append(append(b, m.Room[:]...), m.Call[:]...) }
