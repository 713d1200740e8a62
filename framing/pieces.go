package framing

import "encoding/binary"

// Levels of PIECES.
const (
	MinLevel = 12
	MaxLevel = 18
)

// pieceLeast is how many bytes a piece takes in PIECES at least.
const pieceLeast = 1 + SumSize

// SumSize is how many bytes of the hash of a piece cross.
const SumSize = 5

// Piece is one piece of an older file: where it ends follows from those before it.
type Piece struct {
	Length uint64
	Sum    uint64 // the first SumSize bytes of its XXH64, big-endian
}

// Pieces lists pieces of the file at the receiver that an entry will replace, from its first
// byte on over all PIECES of an attempt: CapCopy.
type Pieces struct {
	ID      uint64
	Attempt uint8
	Level   uint8 // pieces have about 2^Level bytes; the same in all of an attempt
	Last    bool  // no more follow
	Pieces  []Piece
}

// ParsePieces parses the body of a PIECES.
func ParsePieces(b []byte) (Pieces, error) {
	d := decoder{t: TypePieces, b: b}
	m := Pieces{ID: d.uv("id", 1, MaxSize), Attempt: d.u8("attempt"), Level: d.u8("level")}
	if d.err == nil && (m.Level < MinLevel || m.Level > MaxLevel) {
		d.fail("level", errRange)
	}
	m.Last = d.flag("last")
	n := d.uv("pieces", 0, uint64(len(b)/pieceLeast))
	if d.err == nil {
		m.Pieces = make([]Piece, 0, n)
	}
	for range n {
		p := Piece{Length: d.uv("length", 1, 2<<m.Level)}
		for _, b := range d.raw("sum", SumSize) {
			p.Sum = p.Sum<<8 | uint64(b)
		}
		if d.err != nil {
			break
		}
		m.Pieces = append(m.Pieces, p)
	}
	if err := d.end(); err != nil {
		return Pieces{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Pieces) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.ID)
	b = append(b, m.Attempt, m.Level)
	b = appendFlag(b, m.Last)
	b = binary.AppendUvarint(b, uint64(len(m.Pieces)))
	for _, p := range m.Pieces {
		b = binary.AppendUvarint(b, p.Length)
		for i := SumSize - 1; i >= 0; i-- {
			b = append(b, byte(p.Sum>>(8*i)))
		}
	}
	return b
}

// PiecesRoom is how many pieces a PIECES has room for, whatever their lengths.
const PiecesRoom = (piecesLimit - 24) / (pieceLeast + 2)

// piecesLimit is the largest body of a PIECES.
const piecesLimit = 64 << 10
