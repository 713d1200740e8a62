package framing

import "encoding/binary"

// MaxStreams is how many streams a link has at most, stream 0 included.
const MaxStreams = 16

// Streams comes from a sender that listens and asks the receiver, which dialled, for
// more streams: the side that listens cannot open any.
type Streams struct {
	Count uint16 // stream 0 included, 2 to MaxStreams
}

// ParseStreams parses the body of a STREAMS.
func ParseStreams(b []byte) (Streams, error) {
	d := decoder{t: TypeStreams, b: b}
	m := Streams{Count: d.u16("count")}
	if d.err == nil && (m.Count < 2 || m.Count > MaxStreams) {
		d.fail("count", errRange)
	}
	if err := d.end(); err != nil {
		return Streams{}, err
	}
	return m, nil
}

// Append appends the body.
func (m *Streams) Append(b []byte) []byte { return binary.BigEndian.AppendUint16(b, m.Count) }
