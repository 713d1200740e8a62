package framing

import (
	"encoding/binary"
	"time"
)

// Punch comes from the dialler: the other side is to dial the addresses of its PATHS too,
// so that both firewalls see a connection go out.
type Punch struct {
	Serial uint32
	After  uint16 // milliseconds until then, from when it comes
}

// MaxPunch is the longest time that a PUNCH can name.
const MaxPunch = 65535 * time.Millisecond

// ParsePunch parses the body of a PUNCH.
func ParsePunch(b []byte) (Punch, error) {
	d := decoder{t: TypePunch, b: b}
	m := Punch{Serial: d.u32("serial"), After: d.u16("after")}
	if err := d.end(); err != nil {
		return Punch{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Punch) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, m.Serial), m.After)
}
