package framing

import "encoding/binary"

// Ping keeps a connection that waits, from the client. The relay answers with a PONG that
// holds the same.
type Ping struct {
	Serial uint32
}

// ParsePing parses the body of a PING.
func ParsePing(b []byte) (Ping, error) { return parsePing(TypePing, b) }

// ParsePong parses the body of a PONG.
func ParsePong(b []byte) (Ping, error) { return parsePing(TypePong, b) }

func parsePing(t Type, b []byte) (Ping, error) {
	d := decoder{t: t, b: b}
	m := Ping{Serial: d.u32("serial")}
	if err := d.end(); err != nil {
		return Ping{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Ping) Append(b []byte) []byte { return binary.BigEndian.AppendUint32(b, m.Serial) }
