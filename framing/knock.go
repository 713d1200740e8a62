package framing

// Knock tells a listener that somebody seeks its room. It answers with a JOIN of the call
// on a connection of its own, or leaves it.
type Knock struct {
	Call   [16]byte
	Source [4]byte // stands for the seeker's network, with this relay and for a day at most
}

// ParseKnock parses the body of a KNOCK.
func ParseKnock(b []byte) (Knock, error) {
	d := decoder{t: TypeKnock, b: b}
	var m Knock
	copy(m.Call[:], d.raw("call", len(m.Call)))
	copy(m.Source[:], d.raw("source", len(m.Source)))
	if d.err == nil && m.Call == [16]byte{} {
		d.fail("call", errRange)
	}
	if err := d.end(); err != nil {
		return Knock{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Knock) Append(b []byte) []byte { return append(append(b, m.Call[:]...), m.Source[:]...) }
