package framing

import "encoding/binary"

// Credit allows the sender more bytes of DATA and PACK bodies. Grants add up.
type Credit struct {
	Bytes uint32 // at least 1
}

// ParseCredit parses the body of a CREDIT.
func ParseCredit(b []byte) (Credit, error) {
	d := decoder{t: TypeCredit, b: b}
	m := Credit{Bytes: d.u32("bytes")}
	if m.Bytes == 0 {
		d.fail("bytes", errRange)
	}
	if err := d.end(); err != nil {
		return Credit{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Credit) Append(b []byte) []byte { return binary.BigEndian.AppendUint32(b, m.Bytes) }
