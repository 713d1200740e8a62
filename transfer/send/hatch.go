package send

import (
	"context"
	"errors"

	"ferry/framing"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
)

// hatch is the outlet to a receiver in this process: what is given is written there when a
// method returns. It takes no credit, and passes no faster than the limits allow. One
// goroutine uses it.
type hatch struct {
	to    parcel.Inlet
	purse *purse
}

// Chunk is parcel.Outlet's.
func (h *hatch) Chunk(ctx context.Context, c *parcel.Chunk) (wire int, err error) {
	if c.Encoding == framing.EncodingZeros {
		err = h.pass(ctx, flow.MinLimitedFrame, func(int64) { c.Owner.Moved(int64(c.Size)) })
	} else {
		err = h.pass(ctx, len(c.Data), c.Owner.Moved)
	}
	if err == nil {
		err = settled(h.to.Chunk(ctx, c))
	}
	c.Owner.Free()
	return 0, err
}

// share has a chunk of an attempt taken out of the file itself, where that can be. Data is
// the room that it has. A hole is not taken, but made in what is shared by then.
func (h *hatch) share(ctx context.Context, j *chunkJob) (shared bool, err error) {
	f, stale := j.content.reading(j.attempt)
	if f == nil || stale || j.attempt.apart.Load() {
		return false, nil
	}
	shared, err = h.to.Share(ctx, &j.Chunk, f)
	if err != nil {
		return false, settled(err)
	}
	if !shared {
		if !j.hole() {
			j.attempt.apart.Store(true)
		}
		return false, nil
	}
	j.Check = j.Node.CV()
	return true, h.pass(ctx, j.Size, j.Moved)
}

// Piece is parcel.Outlet's. Whatever has pieces takes the link.
func (h *hatch) Piece(context.Context, *parcel.Chunk) (wire int, err error) {
	return 0, errors.ErrUnsupported
}

// Pack is parcel.Outlet's.
func (h *hatch) Pack(ctx context.Context, p *parcel.Pack) (wire int, err error) {
	if err = h.pass(ctx, p.Size, p.Owner.Moved); err == nil {
		err = settled(h.to.Pack(ctx, p))
	}
	p.Owner.Free()
	return 0, err
}

// Flush is parcel.Outlet's. Nothing waits for company.
func (h *hatch) Flush() error { return nil }

// pass lets n bytes pass, as frames of them would over a link, and tells of them as they do.
func (h *hatch) pass(ctx context.Context, n int, moved func(int64)) error {
	if h.purse.unlimited() {
		moved(int64(n))
		return nil
	}
	for n > 0 {
		piece := min(n, h.purse.frame(pieceBytes))
		if err := h.purse.wait(ctx, piece); err != nil {
			return err
		}
		moved(int64(piece))
		n -= piece
	}
	return nil
}

// settled is errSettled for a receiver whose delivery has ended: how, control hears.
func settled(err error) error {
	if errors.Is(err, parcel.ErrOver) {
		return errSettled
	}
	return err
}
