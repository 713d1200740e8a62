package framing

import (
	"encoding/binary"
	"iter"
)

// MaxCopies is how many copies a chunk of EncodingCopies has at most.
const MaxCopies = 1024

// Copy is a part of a chunk of EncodingCopies: bytes as they are, and behind them Length
// bytes from Offset on of the file at the receiver that the entry will replace. Of the last
// part Length may be 0; then there is no Offset.
type Copy struct {
	Literal []byte
	Offset  uint64
	Length  uint64
}

// Append appends the part to the content of a chunk.
func (m *Copy) Append(b []byte) []byte {
	b = appendBytes(b, m.Literal)
	b = binary.AppendUvarint(b, m.Length)
	if m.Length > 0 {
		b = binary.AppendUvarint(b, m.Offset)
	}
	return b
}

// ParseCopies iterates over the parts of a chunk of length bytes. Literals alias b. The
// iteration ends after the first error; without one the parts make up the chunk, and are
// fewer bytes than it.
func ParseCopies(b []byte, length int) iter.Seq2[Copy, error] {
	return func(yield func(Copy, error) bool) {
		d := decoder{t: TypeData, b: b}
		if len(b) >= length {
			d.fail("copies", errMismatch)
		}
		for left, n := uint64(length), 0; ; n++ {
			m := parseCopy(&d, left, n)
			if d.err != nil {
				yield(Copy{}, d.err)
				return
			}
			left -= uint64(len(m.Literal)) + m.Length
			if left == 0 && len(d.b) > 0 {
				d.fail("copies", errTrailing)
				yield(Copy{}, d.err)
				return
			}
			if !yield(m, nil) || left == 0 {
				return
			}
		}
	}
}

// parseCopy reads part n, for which left bytes of the chunk are open. Each part but the last
// has a copy.
func parseCopy(d *decoder, left uint64, n int) (m Copy) {
	m.Literal = d.bytes("literal", 0, int(left))
	m.Length = d.uv("copied", 0, left-uint64(len(m.Literal)))
	switch {
	case d.err != nil:
	case m.Length > 0:
		m.Offset = d.uv("offset", 0, MaxSize-m.Length)
		if d.err == nil && n >= MaxCopies {
			d.fail("copies", errRange)
		}
	case uint64(len(m.Literal)) < left:
		d.fail("copied", errMismatch)
	}
	return m
}
