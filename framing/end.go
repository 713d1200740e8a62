package framing

import "encoding/binary"

// End tells that no further entry will come. Content may still follow.
type End struct {
	Entries uint64 // the last id given, 0 when there was none
	Files   uint64
	Bytes   uint64 // content of the files, as offered or changed since
	Failed  uint64 // items that the sender could not offer; the sum with Entries is at most MaxSize
}

// ParseEnd parses the body of an END.
func ParseEnd(b []byte) (End, error) {
	d := decoder{t: TypeEnd, b: b}
	m := End{Entries: d.uv("entries", 0, MaxSize), Files: d.uv("files", 0, MaxSize)}
	m.Bytes = d.uv("bytes", 0, MaxSize)
	m.Failed = d.uv("failed", 0, MaxSize)
	if d.err == nil && m.Failed > MaxSize-m.Entries {
		d.fail("failed", errRange)
	}
	if m.Files > m.Entries {
		d.fail("files", errMismatch)
	}
	if err := d.end(); err != nil {
		return End{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *End) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.Entries)
	b = binary.AppendUvarint(b, m.Files)
	b = binary.AppendUvarint(b, m.Bytes)
	return binary.AppendUvarint(b, m.Failed)
}
