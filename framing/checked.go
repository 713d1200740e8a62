package framing

import "encoding/binary"

// Checked answers a page of a WANT: the sender has hashed all chunks of the page that
// the receiver holds. Of these, only chunks that differ follow as DATA.
type Checked struct {
	ID      uint64
	Attempt uint8
	First   uint64 // as in the WANT
	Count   uint64 // as in the WANT, 1 to MaxPage
	Bitmap  []byte // a bit a chunk, lowest bit first; set: the chunk is the same at both ends
}

// ParseChecked parses the body of a CHECKED. Bitmap aliases b.
func ParseChecked(b []byte) (Checked, error) {
	d := decoder{t: TypeChecked, b: b}
	m := Checked{ID: d.uv("id", 1, MaxSize), Attempt: d.u8("attempt")}
	m.First = d.uv("first chunk", 0, maxChunks-1)
	m.Count = d.uv("chunks", 1, min(MaxPage, maxChunks-m.First))
	m.Bitmap = d.pageBitmap(m.Count)
	if err := d.end(); err != nil {
		return Checked{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Checked) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = append(b, m.Attempt)
	b = binary.AppendUvarint(b, m.First)
	b = binary.AppendUvarint(b, m.Count)
	return append(b, m.Bitmap...)
}

// Same tells whether chunk First+i is the same at both ends.
func (m *Checked) Same(i uint64) bool { return m.Bitmap[i/8]&(1<<(i%8)) != 0 }

// SetSame notes that chunk First+i is the same at both ends. Bitmap has
// (Count+7)/8 bytes.
func (m *Checked) SetSame(i uint64) { m.Bitmap[i/8] |= 1 << (i % 8) }
