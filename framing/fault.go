package framing

import "encoding/binary"

// Fault tells that an item failed or, with ID 0, the delivery. Until RECEIPT it may
// follow a DONE of the same entry.
type Fault struct {
	ID      uint64
	Code    Code   // not CodeNone
	Message string // for people; raw bytes, cut to maxMessage by Append
}

// ParseFault parses the body of a FAULT.
func ParseFault(b []byte) (Fault, error) {
	d := decoder{t: TypeFault, b: b}
	m := Fault{ID: d.uv("id", 0, MaxSize), Code: d.cause("code")}
	m.Message = string(d.bytes("message", 0, maxMessage))
	if err := d.end(); err != nil {
		return Fault{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Fault) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	return appendMessage(append(b, byte(m.Code)), m.Message)
}
