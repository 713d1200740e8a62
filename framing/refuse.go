package framing

// Refuse ends a connection before the proof. It carries no text, so that
// nothing which a stranger sent comes back formatted.
type Refuse struct {
	Code Code // not CodeNone
}

// ParseRefuse parses the body of a REFUSE.
func ParseRefuse(b []byte) (Refuse, error) {
	d := decoder{t: TypeRefuse, b: b}
	m := Refuse{Code: d.cause("code")}
	if err := d.end(); err != nil {
		return Refuse{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Refuse) Append(b []byte) []byte { return append(b, byte(m.Code)) }
