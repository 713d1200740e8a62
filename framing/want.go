package framing

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// MaxPage is how many chunks one page can cover. The CVs of so many take 128 KiB.
const MaxPage = 4096

// WantKind is what a WANT asks for.
type WantKind uint8

// The kinds. Values are part of the wire format.
const (
	WantAll   WantKind = 1 // the whole content
	WantPage  WantKind = 2 // the chunks of a page that the receiver lacks
	WantCheck WantKind = 3 // no content: hash it and answer with FILEEND
	WantAgain WantKind = 4 // these chunks once more
	WantHold  WantKind = 5 // a page that is only compared: no chunk of it comes by itself. CapCopy
	WantPatch WantKind = 6 // these chunks, which may come as EncodingCopies. CapCopy
)

// Want asks for content of one entry. A page covers the Count chunks from First on. A
// set bit says that the receiver holds the chunk, with the CV given. The sender sends
// the chunks without a set bit, and the chunks whose CV differs from its own.
type Want struct {
	ID      uint64
	Attempt uint8
	Kind    WantKind
	First   uint64 // of all kinds that name chunks: number of the first one
	Count   uint64 // of a page 1 to MaxPage chunks, else at least 1
	Last    bool   // of a page: no page of this entry and attempt follows
	Bitmap  []byte // of a page: a bit a chunk, lowest bit first
	CVs     []byte // of a page: DigestSize bytes for each set bit, in order
}

// Paged tells whether a WANT of the kind is a page.
func (k WantKind) Paged() bool { return k == WantPage || k == WantHold }

// chunked tells whether a WANT of the kind is of some chunks, without a page.
func (k WantKind) chunked() bool { return k == WantAgain || k == WantPatch }

// AddChunk extends a page by one chunk, which the receiver holds with this CV of
// DigestSize bytes, or wants if cv is nil. The caller ends a page at MaxPage chunks.
func (m *Want) AddChunk(cv []byte) {
	if m.Count%8 == 0 {
		m.Bitmap = append(m.Bitmap, 0)
	}
	if cv != nil {
		m.Bitmap[m.Count/8] |= 1 << (m.Count % 8)
		m.CVs = append(m.CVs, cv[:DigestSize]...)
	}
	m.Count++
}

// Append appends one record of a WANT.
func (m *Want) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = append(b, m.Attempt, byte(m.Kind))
	if !m.Kind.Paged() && !m.Kind.chunked() {
		return b
	}
	b = binary.AppendUvarint(b, m.First)
	b = binary.AppendUvarint(b, m.Count)
	if !m.Kind.Paged() {
		return b
	}
	b = appendFlag(b, m.Last)
	b = append(b, m.Bitmap...)
	return append(b, m.CVs...)
}

// ParseWants iterates over the body of a WANT. Bitmap and CVs alias body. The
// iteration ends after the first error.
func ParseWants(body []byte) iter.Seq2[Want, error] {
	return records(decoder{t: TypeWant, b: body}, parseWant)
}

func parseWant(d *decoder) Want {
	m := Want{ID: d.uv("id", 1, MaxSize), Attempt: d.u8("attempt"), Kind: WantKind(d.u8("kind"))}
	switch {
	case m.Kind == WantAll, m.Kind == WantCheck:
	case m.Kind.Paged():
		m.First = d.uv("first chunk", 0, maxChunks-1)
		m.Count = d.uv("chunks", 1, min(MaxPage, maxChunks-m.First))
		m.Last = d.flag("last")
		m.Bitmap = d.pageBitmap(m.Count)
		m.CVs = d.raw("CVs", DigestSize*m.held(d))
	case m.Kind.chunked():
		m.First = d.uv("first chunk", 0, maxChunks-1)
		m.Count = d.uv("chunks", 1, maxChunks-m.First)
	default:
		d.fail("kind", errUnknown)
	}
	return m
}

// held counts the set bits.
func (m *Want) held(d *decoder) int {
	if d.err != nil {
		return 0
	}
	n := 0
	for _, b := range m.Bitmap {
		n += bits.OnesCount8(b)
	}
	return n
}

// pageBitmap reads a bit for each of count chunks and refuses set bits behind the last
// chunk.
func (d *decoder) pageBitmap(count uint64) []byte {
	b := d.raw("bitmap", int(count+7)/8)
	if used := count % 8; d.err == nil && used != 0 && b[len(b)-1]>>used != 0 {
		d.fail("bitmap", errNotZero)
	}
	return b
}
