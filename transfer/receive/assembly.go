package receive

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
)

// piece is a DATA frame of which the header was read: part of a chunk, or all of it.
type piece struct {
	framing.DataHeader
	a      *attempt // that it is of
	index  uint64   // of its chunk
	at     int      // where in the chunk it goes, in bytes
	n      int      // bytes of it that are still to be read
	length int      // that the chunk has, or may have
	cost   int64    // of the frame
}

// newPiece places a frame of n payload bytes. It returns an error if there is no such
// place.
func newPiece(h framing.DataHeader, a *attempt, n int, cost int64) (piece, error) {
	p := piece{DataHeader: h, a: a, n: n, cost: cost, index: h.Offset / checksum.ChunkSize, at: int(h.Offset % checksum.ChunkSize)}
	if p.length = a.chunkLen(p.index); p.length == 0 {
		return p, failure.Violation("DATA past the end of entry %d", h.ID)
	}
	return p, nil
}

// buffered is what came over the link in a buffer of the pool, with the credit that its
// frames cost. It is the owner of its bytes.
type buffered struct {
	buf    *[]byte // nil: nothing of it needs one
	cost   int64
	pool   *flow.Pool
	credit *window
}

// Moved does nothing: the worker that writes the content counts it.
func (b *buffered) Moved(int64) {}

// Free gives back the buffer, and the credit. It may wait for the link. If the link takes
// no CREDIT, its readers fail too and say why.
func (b *buffered) Free() {
	if b.buf != nil {
		b.pool.Put(b.buf)
	}
	_ = b.credit.dealt(b.cost)
}

// arrived is a chunk that came over the link.
type arrived struct {
	parcel.Chunk
	buffered
}

// assembly gathers the pieces of one chunk, which come in DATA frames that follow each
// other. A reader has one for files, and one for each stream of unknown length.
type assembly struct {
	a      *attempt // of the chunk that was begun last
	c      *arrived // nil: no chunk is begun
	filled int      // bytes of its buffer that came
}

// begin begins the chunk of which p is the first piece.
func (m *assembly) begin(p *piece, pool *flow.Pool, credit *window) {
	size := p.length
	if shrunk(p.Encoding) {
		size = p.n // what it will hold is no reason to keep a buffer for it
	}
	c := &arrived{
		Chunk:    parcel.Chunk{Entry: p.ID, Attempt: p.Attempt, Offset: p.index * checksum.ChunkSize, Encoding: p.Encoding},
		buffered: buffered{buf: pool.Get(size), pool: pool, credit: credit},
	}
	c.Owner = &c.buffered
	*m = assembly{a: p.a, c: c}
}

// shrunk tells of an encoding that its payload is shorter than the chunk.
func shrunk(encoding uint8) bool {
	return encoding == framing.EncodingZstd || encoding == framing.EncodingCopies
}

// follows tells whether p is the next piece of the chunk.
func (m *assembly) follows(p *piece) bool {
	c := m.c
	return c != nil && m.a == p.a && c.Offset/checksum.ChunkSize == p.index && c.Encoding == p.Encoding && m.filled == p.at && p.n <= p.length-p.at
}

// room is where the next n bytes go. The buffer of what is shorter than its chunk grows as they
// come.
func (m *assembly) room(n int) []byte {
	b := &m.c.buffered
	if end := m.filled + n; shrunk(m.c.Encoding) {
		if end > cap(*b.buf) {
			larger := b.pool.Get(end)
			copy(*larger, *b.buf)
			b.pool.Put(b.buf)
			b.buf = larger
		}
		*b.buf = (*b.buf)[:end]
	}
	return (*b.buf)[m.filled : m.filled+n]
}

// end ends the chunk with its last piece, and returns it.
func (m *assembly) end(p *piece) (*parcel.Chunk, error) {
	c := m.c
	c.Data, c.Size, c.Last, c.Check = (*c.buf)[:m.filled], m.filled, true, p.Check
	switch c.Encoding {
	case framing.EncodingCopies:
		c.Size = p.length // which the worker checks
	case framing.EncodingZstd:
		var err error
		if c.Size, err = framing.ParseZstd(c.Data, p.length); err != nil {
			return nil, failure.Malformed(err)
		}
	}
	m.c, m.filled = nil, 0
	return &c.Chunk, nil
}
