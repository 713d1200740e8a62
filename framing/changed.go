package framing

import "encoding/binary"

// Changed tells that a file is another one than its ENTRY said. What was sent of it in
// earlier attempts is void, and the sender waits for a WANT of the new attempt.
type Changed struct {
	ID      uint64
	Attempt uint8 // the new one, at least 1
	Mode    uint32
	Sec     int64
	Nsec    uint32
	Size    uint64
}

// ParseChanged parses the body of a CHANGED.
func ParseChanged(b []byte) (Changed, error) {
	d := decoder{t: TypeChanged, b: b}
	m := Changed{ID: d.uv("id", 1, MaxSize), Attempt: d.u8("attempt")}
	if m.Attempt == 0 {
		d.fail("attempt", errRange)
	}
	m.Mode = uint32(d.uv("mode", 0, maxMode))
	m.Sec = d.sv("seconds")
	m.Nsec = uint32(d.uv("nanoseconds", 0, maxNsec))
	m.Size = d.uv("size", 0, MaxSize)
	if err := d.end(); err != nil {
		return Changed{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Changed) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = append(b, m.Attempt)
	b = binary.AppendUvarint(b, uint64(m.Mode))
	b = binary.AppendVarint(b, m.Sec)
	b = binary.AppendUvarint(b, uint64(m.Nsec))
	return binary.AppendUvarint(b, m.Size)
}
