package framing

import (
	"encoding/binary"
	"iter"
)

// Packed is a whole small file in a PACK.
type Packed struct {
	ID   uint64
	Root [DigestSize]byte
	Data []byte // the content; may be empty
}

// Append appends one record of a PACK.
func (m *Packed) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = binary.AppendUvarint(b, uint64(len(m.Data)))
	b = append(b, m.Root[:]...)
	return append(b, m.Data...)
}

// ParsePack iterates over the body of a PACK. Data aliases body. The iteration
// ends after the first error.
func ParsePack(body []byte) iter.Seq2[Packed, error] {
	return records(decoder{t: TypePack, b: body}, func(d *decoder) Packed {
		m := Packed{ID: d.uv("id", 1, MaxSize)}
		n := d.uv("length", 0, maxBody)
		m.Root = d.digest("root")
		m.Data = d.raw("content", int(n))
		return m
	})
}
