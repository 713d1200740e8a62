package framing

// Leave gives a room up, from its listener: it is free at once. CodeNone: all went well.
// CodeCodeRefused: wrong codes used it up, which the relay counts against those who came.
type Leave struct {
	Code Code
}

// ParseLeave parses the body of a LEAVE.
func ParseLeave(b []byte) (Leave, error) {
	d := decoder{t: TypeLeave, b: b}
	m := Leave{Code: Code(d.u8("code"))}
	if err := d.end(); err != nil {
		return Leave{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Leave) Append(b []byte) []byte { return append(b, byte(m.Code)) }
