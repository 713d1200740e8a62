package framing

import "encoding/binary"

// MaxPad bounds what a PAD holds, in bytes.
const MaxPad = 4093

// Pad says nothing: its bytes let TCP's congestion window grow in a round trip in
// which there is nothing else to send.
type Pad struct {
	Bytes uint16 // of zeros, at most MaxPad
}

// ParsePad parses the body of a PAD.
func ParsePad(b []byte) (Pad, error) {
	d := decoder{t: TypePad, b: b}
	m := Pad{Bytes: d.u16("length")}
	if m.Bytes > MaxPad {
		d.fail("length", errRange)
	}
	for _, c := range d.raw("padding", int(m.Bytes)) {
		if c != 0 {
			d.fail("padding", errNotZero)
		}
	}
	if err := d.end(); err != nil {
		return Pad{}, err
	}
	return m, nil
}

// Append appends the body.
func (m *Pad) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Bytes)
	return append(b, make([]byte, m.Bytes)...)
}
