package framing

// Wait answers a SEEK. It comes at once, and again when a listener has come or gone.
type Wait struct {
	Seen     Seen
	Instance [8]byte // the listener's; zero: nobody is there yet
}

// ParseWait parses the body of a WAIT. Seen.Host aliases b.
func ParseWait(b []byte) (Wait, error) {
	d := decoder{t: TypeWait, b: b}
	m := Wait{Seen: decodeSeen(&d)}
	copy(m.Instance[:], d.raw("instance", len(m.Instance)))
	if err := d.end(); err != nil {
		return Wait{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Wait) Append(b []byte) []byte { return append(m.Seen.append(b), m.Instance[:]...) }
