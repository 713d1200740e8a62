package framing

import "encoding/binary"

const (
	// MaxPath is the longest path of a REQUEST, in bytes.
	MaxPath = 4096
	// MaxDeepPath is the longest path or text of ASK, LISTING and REMARK, in bytes: no path of
	// an entry is longer.
	MaxDeepPath = 32768
	// maxPaths bounds the paths of a REQUEST beside its size.
	maxPaths = 16384
)

// Request asks for a delivery: the receiver's first frame, before OFFER, where both sides
// have CapRequest.
type Request struct {
	Flags uint32   // those that the offer is to have, as far as the sender agrees; not FlagText
	Paths [][]byte // at least one, each of 1 to MaxPath bytes, as a person wrote them
}

// ParseRequest parses the body of a REQUEST. Paths alias b.
func ParseRequest(b []byte) (Request, error) {
	d := decoder{t: TypeRequest, b: b}
	m := Request{Flags: d.offerFlags()}
	if m.Flags&FlagText != 0 {
		d.fail("flags", errNotZero)
	}
	for range d.uv("paths", 1, maxPaths) {
		if d.err != nil {
			break
		}
		m.Paths = append(m.Paths, d.bytes("path", 1, MaxPath))
	}
	if err := d.end(); err != nil {
		return Request{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Request) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = binary.AppendUvarint(b, uint64(len(m.Paths)))
	for _, p := range m.Paths {
		b = appendBytes(b, p)
	}
	return b
}
