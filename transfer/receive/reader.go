package receive

import (
	"context"
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/tree"
)

// reader takes frames off one stream: content for the intake, and on stream 0 what
// control handles. It waits for nothing but the network, and writes nothing. One
// goroutine runs it.
type reader struct {
	in      frames
	number  int      // of the stream
	control *control // nil: another stream than stream 0

	intake   *intake
	ledger   *ledger
	consent  *consent
	requests *requests
	credit   *window
	jobs     *flow.Queue[job]
	pool     *flow.Pool
	zstd     bool // compression was agreed on
	copies   bool // so was framing.CapCopy
	ordered  bool // raw pieces are handed on as they come

	file    assembly             // of a file's chunk; the pieces of a chunk follow each other on one stream
	sources map[uint64]*assembly // of chunks of streams of unknown length, by entry; on stream 0 alone
	header  [52]byte             // scratch for framing.ReadDataHeader
}

// frames are what is read off a stream: the reading half of a framing.Stream.
type frames interface {
	framing.BodyReader
	Next() (framing.Type, int, error)
	Body() ([]byte, error)
}

// run reads until RECEIPT was answered.
func (r *reader) run(ctx context.Context, end *closing) error {
	for {
		over, err := r.frame()
		switch {
		case over:
			return nil
		case err == nil:
			continue
		case end.sent():
			// Whatever ends the link now changes nothing.
			if r.number == 0 && errors.Is(err, io.EOF) {
				end.acknowledged.Store(true)
			}
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return failure.Link("receiving", err)
	}
}

// frame reads and handles one frame. over says that it was the last one.
func (r *reader) frame() (over bool, err error) {
	t, n, err := r.in.Next()
	if err != nil {
		return false, err
	}
	switch t {
	case framing.TypeData, framing.TypePack, framing.TypePackZ:
		if !r.requests.begun.Load() {
			return false, failure.Violation("%v before anything was asked for", t)
		}
		cost := flow.FrameCost(n)
		if err := r.credit.used(cost); err != nil {
			return false, err
		}
		if t == framing.TypeData {
			return false, r.data(cost)
		}
		return false, r.pack(t, n, cost)
	}
	if r.control == nil {
		return false, failure.Violation("%v on stream %d", t, r.number)
	}
	body, err := r.in.Body()
	if err != nil {
		return false, err
	}
	return r.control.handle(t, body)
}

// arrivedPack is a pack that came over the link.
type arrivedPack struct {
	parcel.Pack
	buffered
}

// pack takes a PACK or PACKZ of n bytes.
func (r *reader) pack(t framing.Type, n int, cost int64) error {
	p := &arrivedPack{buffered: buffered{buf: r.pool.Get(n), cost: cost, pool: r.pool, credit: r.credit}}
	p.Owner = &p.buffered
	if err := r.in.ReadFull(*p.buf); err != nil {
		return err
	}
	p.Data = *p.buf
	if t == framing.TypePackZ {
		if !r.zstd {
			return failure.Violation("%v was not agreed on", t)
		}
		p.Encoding = framing.EncodingZstd
	}
	r.intake.Pack(&p.Pack)
	return nil
}

// data takes a piece off the stream into the chunk it belongs to. The pieces of a
// file's chunk follow each other on one stream; those of a stream of unknown length may
// have others between them.
func (r *reader) data(cost int64) error {
	h, n, err := framing.ReadDataHeader(r.in, r.header[:])
	if err != nil {
		return err
	}
	a, err := r.ledger.expect(h.ID, h.Attempt)
	if err != nil {
		return err
	}
	if a == nil { // settled, or of another attempt
		r.forget(h.ID)
		return r.discard(n, cost)
	}
	if a.of.kind == tree.Stream && r.number != 0 {
		return failure.Violation("a piece of a stream on stream %d", r.number)
	}
	p, err := newPiece(h, a, n, cost)
	switch {
	case err != nil:
		return err
	case h.Encoding == framing.EncodingZeros:
		return r.zeros(&p)
	case h.Encoding == framing.EncodingZstd && !r.zstd, h.Encoding == framing.EncodingCopies && !r.copies:
		return failure.Violation("encoding %d was not agreed on", h.Encoding)
	case h.Encoding == framing.EncodingRaw && r.ordered:
		return r.pass(&p)
	}
	return r.gather(r.assembly(a), &p)
}

// assembly is where pieces of a's chunk are gathered.
func (r *reader) assembly(a *attempt) *assembly {
	if a.of.kind != tree.Stream {
		return &r.file
	}
	m := r.sources[a.of.id]
	if m == nil {
		for id, m := range r.sources {
			if !r.ledger.isOpen(m.a.of) { // the sender gave it up between two pieces
				r.drop(m)
				delete(r.sources, id)
			}
		}
		if r.sources == nil {
			r.sources = make(map[uint64]*assembly)
		}
		m = &assembly{a: a}
		r.sources[a.of.id] = m
	}
	return m
}

// gather adds a piece to its chunk, and hands the chunk on if it was the last.
func (r *reader) gather(m *assembly, p *piece) error {
	if p.at == 0 {
		if m.c != nil && m.a != p.a && (m.a.of == p.a.of || !r.ledger.isOpen(m.a.of)) {
			r.drop(m) // of an entry, or an attempt, that is over
		}
		if m.c != nil {
			return failure.Violation("chunk %d begins before chunk %d ended", p.index, m.c.Offset/checksum.ChunkSize)
		}
		m.begin(p, r.pool, r.credit)
	}
	if !m.follows(p) {
		return failure.Violation("a piece of %d bytes at %d does not follow", p.n, p.Offset)
	}
	if err := r.in.ReadFull(m.room(p.n)); err != nil {
		return err
	}
	m.filled += p.n
	if err := r.count(m, p); err != nil || !p.Last() {
		return err
	}
	c, err := m.end(p)
	if err != nil {
		return err
	}
	if p.a.of.kind == tree.Stream && c.Encoding == framing.EncodingZstd {
		if err := r.consent.content(c.Size); err != nil {
			return err
		}
	}
	return r.intake.Chunk(c)
}

// count notes what a piece costs, and of a stream the content that nobody announced.
func (r *reader) count(m *assembly, p *piece) error {
	if p.a.of.kind != tree.Stream {
		m.c.cost += p.cost
		return nil
	}
	// Pieces of a slow stream are small and their chunk is long in coming: all
	// but the bytes that are kept is granted again at once.
	m.c.cost += int64(p.n)
	r.jobs.Put(spent(p.cost - int64(p.n)))
	if p.Encoding != framing.EncodingRaw {
		return nil
	}
	return r.consent.content(p.n)
}

// pass hands a piece on by itself, to be written as it comes.
func (r *reader) pass(p *piece) error {
	if r.file.c != nil && r.ledger.isOpen(r.file.a.of) {
		return failure.Violation("chunk %d begins before chunk %d ended", p.index, r.file.c.Offset/checksum.ChunkSize)
	}
	if p.n > p.length-p.at || p.Last() && p.a.of.kind == tree.File && p.at+p.n != p.length {
		return failure.Violation("a piece of %d bytes at %d does not fit", p.n, p.Offset)
	}
	c := &arrived{
		Chunk:    parcel.Chunk{Entry: p.ID, Attempt: p.Attempt, Offset: p.Offset, Size: p.n, Last: p.Last(), Check: p.Check},
		buffered: buffered{buf: r.pool.Get(p.n), cost: p.cost, pool: r.pool, credit: r.credit},
	}
	c.Owner, c.Data = &c.buffered, *c.buf
	if err := r.in.ReadFull(c.Data); err != nil {
		return err
	}
	if p.a.of.kind == tree.Stream {
		if err := r.consent.content(p.n); err != nil {
			return err
		}
	}
	return r.intake.Chunk(&c.Chunk)
}

// zeros takes a chunk that was sent as a count of zero bytes.
func (r *reader) zeros(p *piece) error {
	var b [4]byte
	if p.n != len(b) {
		return failure.Violation("zeros of %d bytes", p.n)
	}
	if err := r.in.ReadFull(b[:]); err != nil {
		return err
	}
	zeros, err := framing.ParseZeros(b[:])
	if err != nil {
		return failure.Malformed(err)
	}
	if int(zeros) != p.length || p.at != 0 || p.a.of.kind == tree.Stream {
		return failure.Violation("%d zeros for a chunk of %d bytes", zeros, p.length)
	}
	c := &arrived{
		Chunk:    parcel.Chunk{Entry: p.ID, Attempt: p.Attempt, Offset: p.Offset, Size: p.length, Encoding: p.Encoding, Last: true, Check: p.Check},
		buffered: buffered{cost: p.cost, pool: r.pool, credit: r.credit},
	}
	c.Owner = &c.buffered
	return r.intake.Chunk(&c.Chunk)
}

// forget drops a chunk of an entry that is half there, when the entry or its attempt is
// over.
func (r *reader) forget(id uint64) {
	if m := r.sources[id]; m != nil {
		r.drop(m)
		delete(r.sources, id)
	}
	if r.file.c != nil && r.file.a.of.id == id {
		r.drop(&r.file)
	}
}

// drop lets go of a chunk that is half there, if one is.
func (r *reader) drop(m *assembly) {
	if m.c != nil {
		r.jobs.Put(spent(m.c.cost))
		r.pool.Put(m.c.buf)
	}
	m.c, m.filled = nil, 0
}

// discard reads what is no longer wanted, and has its credit granted again.
func (r *reader) discard(n int, cost int64) error {
	b := r.pool.Get(n)
	defer r.pool.Put(b)
	if err := r.in.ReadFull(*b); err != nil {
		return err
	}
	r.jobs.Put(spent(cost))
	return nil
}
