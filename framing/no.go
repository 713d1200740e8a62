package framing

import "encoding/binary"

// RelayNo is a relay's refusal, and its last frame on a connection.
type RelayNo struct {
	// Code is not CodeNone; section 7 of RELAY.md says what each means.
	Code  Code
	Again uint16 // seconds after which it is worth another try; 0: not said
}

// ParseNo parses the body of a NO.
func ParseNo(b []byte) (RelayNo, error) {
	d := decoder{t: TypeNo, b: b}
	m := RelayNo{Code: d.cause("code"), Again: d.u16("again")}
	if err := d.end(); err != nil {
		return RelayNo{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *RelayNo) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, byte(m.Code)), m.Again)
}
