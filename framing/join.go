package framing

// Join takes a call: the connection that it comes on is joined with the seeker's.
type Join struct {
	Call [16]byte // of a KNOCK
}

// ParseJoin parses the body of a JOIN.
func ParseJoin(b []byte) (Join, error) {
	call, err := parseCall(TypeJoin, b)
	return Join{call}, err
}

// Append appends the body to b.
func (m *Join) Append(b []byte) []byte { return append(b, m.Call[:]...) }

// RelayOK is the relay's last frame on a connection. What follows it is the other side's
// bytes, and goes to the other side.
type RelayOK struct {
	Call [16]byte // for a SEEK of a further connection
}

// ParseOK parses the body of an OK.
func ParseOK(b []byte) (RelayOK, error) {
	call, err := parseCall(TypeOK, b)
	return RelayOK{call}, err
}

// Append appends the body to b.
func (m *RelayOK) Append(b []byte) []byte { return append(b, m.Call[:]...) }

// parseCall parses a body that is a call, which is not zero.
func parseCall(t Type, b []byte) (call [16]byte, err error) {
	d := decoder{t: t, b: b}
	copy(call[:], d.raw("call", len(call)))
	if d.err == nil && call == [16]byte{} {
		d.fail("call", errRange)
	}
	if err := d.end(); err != nil {
		return [16]byte{}, err
	}
	return call, nil
}
