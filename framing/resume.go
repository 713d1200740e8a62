package framing

import "encoding/binary"

// Resume is the first frame on each connection of a link that was joined again. It says
// how many bytes of the stream came here on all connections before.
type Resume struct {
	Received uint64
}

// ParseResume parses the body of a RESUME.
func ParseResume(b []byte) (Resume, error) {
	d := decoder{t: TypeResume, b: b}
	m := Resume{Received: d.u64("received")}
	if m.Received > MaxSize {
		d.fail("received", errRange)
	}
	if err := d.end(); err != nil {
		return Resume{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Resume) Append(b []byte) []byte { return binary.BigEndian.AppendUint64(b, m.Received) }
