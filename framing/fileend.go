package framing

import (
	"encoding/binary"
	"iter"
)

// FileEnd closes one attempt at an entry's content.
type FileEnd struct {
	ID      uint64
	Attempt uint8
	Size    uint64 // bytes of the whole content
	Root    [DigestSize]byte
	Chunks  uint64 // sent as DATA in this attempt
}

// Append appends one record of a FILEEND.
func (m *FileEnd) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = append(b, m.Attempt)
	b = binary.AppendUvarint(b, m.Size)
	b = append(b, m.Root[:]...)
	return binary.AppendUvarint(b, m.Chunks)
}

// ParseFileEnds iterates over the body of a FILEEND, up to the first error.
func ParseFileEnds(body []byte) iter.Seq2[FileEnd, error] {
	return records(decoder{t: TypeFileEnd, b: body}, func(d *decoder) FileEnd {
		m := FileEnd{ID: d.uv("id", 1, MaxSize), Attempt: d.u8("attempt")}
		m.Size = d.uv("size", 0, MaxSize)
		m.Root = d.digest("root")
		m.Chunks = d.uv("chunks", 0, MaxSize)
		return m
	})
}
