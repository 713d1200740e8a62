package send

import (
	"context"
	"sync/atomic"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/parcel"
)

// lane is the outlet of one stream of a link: it cuts content into DATA and PACK frames,
// which pass when the purse lets them. One goroutine uses it.
type lane struct {
	out    framing.Stream
	purse  *purse
	held   *atomic.Int32 // lanes whose bytes the system is to take, and does not yet
	header []byte
}

// Chunk is parcel.Outlet's. The bytes are lent to the link, which sends them again if it is
// joined again.
func (l *lane) Chunk(ctx context.Context, c *parcel.Chunk) (wire int, err error) {
	if c.Encoding == framing.EncodingZeros {
		return l.zeros(ctx, c)
	}
	loan := newLoan(c.Owner)
	defer loan.done()
	credit, err := l.purse.allot(ctx, l.out, chunkCost(len(c.Data)))
	if err != nil {
		return 0, err
	}
	defer credit.end()
	back := loan.done
	for from, moved := 0, int64(0); from < len(c.Data); {
		header, piece := l.cut(c, from)
		from += len(piece)
		wire += len(header) + len(piece)
		if err := credit.spend(ctx, len(header)+len(piece)); err != nil {
			return 0, err
		}
		loan.users.Add(1)
		l.held.Add(1)
		err := l.out.Lend(framing.TypeData, header, piece, back)
		l.held.Add(-1)
		if err != nil {
			return 0, failure.Link("sending", err)
		}
		moved = tell(c, from, moved)
	}
	return wire, nil
}

// Piece is parcel.Outlet's. The bytes are copied where the link has to keep them.
func (l *lane) Piece(ctx context.Context, c *parcel.Chunk) (wire int, err error) {
	// The last piece of a chunk may have no bytes: they left before its end was seen.
	for from, moved := 0, int64(0); from < len(c.Data) || from == 0; {
		header, piece := l.cut(c, from)
		wire += len(header) + len(piece)
		if err := l.purse.spend(ctx, l.out, len(header)+len(piece)); err != nil {
			return 0, err
		}
		if err := l.out.Send(false, framing.TypeData, header, piece); err != nil {
			return 0, failure.Link("sending", err)
		}
		if from += len(piece); from == 0 {
			break
		}
		moved = tell(c, from, moved)
	}
	return wire, nil
}

// cut returns the frame of c that begins behind from bytes of its data: the header, which
// is good until the next call, and the payload.
func (l *lane) cut(c *parcel.Chunk, from int) (header, piece []byte) {
	to := min(from+l.purse.frame(pieceBytes), len(c.Data))
	h := framing.DataHeader{ID: c.Entry, Attempt: c.Attempt, Encoding: c.Encoding, Offset: c.Offset + uint64(from)}
	if to == len(c.Data) && c.Last {
		h.Flags, h.Check = framing.DataLast, c.Check
	}
	l.header = framing.AppendDataHeader(l.header[:0], &h)
	return l.header, c.Data[from:to]
}

// tell tells the owner how much more of the content is on its way, now that the first to
// bytes of the data are. It returns how much that is in all; moved is what was told before.
func tell(c *parcel.Chunk, to int, moved int64) int64 {
	now := int64(c.Size) * int64(to) / int64(len(c.Data))
	c.Owner.Moved(now - moved)
	return now
}

// zeros tells of a chunk of zeros.
func (l *lane) zeros(ctx context.Context, c *parcel.Chunk) (wire int, err error) {
	h := framing.DataHeader{ID: c.Entry, Attempt: c.Attempt, Flags: framing.DataLast, Encoding: c.Encoding, Offset: c.Offset, Check: c.Check}
	l.header = framing.AppendDataHeader(l.header[:0], &h)
	payload := framing.AppendZeros(nil, uint32(c.Size))
	wire = len(l.header) + len(payload)
	if err := l.purse.spend(ctx, l.out, wire); err != nil {
		return 0, err
	}
	if err := l.out.Send(false, framing.TypeData, l.header, payload); err != nil {
		return 0, failure.Link("sending", err)
	}
	c.Owner.Moved(int64(c.Size))
	return wire, nil
}

// Pack is parcel.Outlet's.
func (l *lane) Pack(ctx context.Context, p *parcel.Pack) (wire int, err error) {
	defer p.Owner.Free()
	if err := l.purse.spend(ctx, l.out, len(p.Data)); err != nil {
		return 0, err
	}
	t := framing.TypePack
	if p.Encoding == framing.EncodingZstd {
		t = framing.TypePackZ
	}
	l.held.Add(1)
	err = l.out.Send(false, t, p.Data)
	l.held.Add(-1)
	if err != nil {
		return 0, failure.Link("sending files", err)
	}
	p.Owner.Moved(int64(p.Size))
	return len(p.Data), nil
}

// Flush is parcel.Outlet's.
func (l *lane) Flush() error { return failure.Link("sending", l.out.Flush()) }

// loan counts the pieces of a chunk that are lent to the link, and the lane itself. When
// none is left, the owner has the bytes again.
type loan struct {
	users atomic.Int32
	owner parcel.Owner
}

func newLoan(owner parcel.Owner) *loan {
	l := &loan{owner: owner}
	l.users.Store(1)
	return l
}

func (l *loan) done() {
	if l.users.Add(-1) == 0 {
		l.owner.Free()
	}
}
