package framing

import "encoding/binary"

// Ack says how many bytes of a stream have come, so that the other side need
// not keep them for a link that is joined again.
type Ack struct {
	Stream   uint16
	Received uint64 // bytes from the stream's beginning
}

// ParseAck parses the body of an ACK.
func ParseAck(b []byte) (Ack, error) {
	d := decoder{t: TypeAck, b: b}
	m := Ack{Stream: d.u16("stream"), Received: d.u64("received")}
	if m.Received > MaxSize {
		d.fail("received", errRange)
	}
	if err := d.end(); err != nil {
		return Ack{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Ack) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Stream)
	return binary.BigEndian.AppendUint64(b, m.Received)
}
