package framing

// MaxPlace is the longest path of a PLACE, in bytes.
const MaxPlace = 4096

// Place says where in the receiver's destination the delivery is to go: the sender's first
// frame, before OFFER, where both sides have CapPlace.
type Place struct {
	Path []byte // as a person wrote it, unchecked; at most MaxPlace bytes
}

// ParsePlace parses the body of a PLACE. Path aliases b.
func ParsePlace(b []byte) (Place, error) {
	d := decoder{t: TypePlace, b: b}
	m := Place{Path: d.bytes("path", 0, MaxPlace)}
	if err := d.end(); err != nil {
		return Place{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Place) Append(b []byte) []byte { return appendBytes(b, m.Path) }
