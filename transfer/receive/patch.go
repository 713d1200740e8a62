package receive

import (
	"context"
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/delta"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/parcel"
)

// differing asks for what of an attempt differs from the old file, as far as that is known. It
// asks at once: what measures the link must not wait until the planner has nothing to do.
func (k *asker) differing(a *attempt) error {
	for {
		s, ok := k.ledger.lacking(a, k.pace)
		switch {
		case !ok:
			return nil
		case s.list:
			k.lists.Put(old{a, oldListed})
			return nil
		}
		w := a.want(s.kind)
		w.First, w.Count = s.first, s.count
		if err := k.requests.now(w); err != nil {
			return err
		}
	}
}

// errOver ends the listing for an attempt that is over.
var errOver = errors.New("the attempt is over")

// list lists the pieces of the old file to the sender. Without room for them, or if it cannot
// be read, what differs comes whole.
func (r reuseRun) list(ctx context.Context) error {
	reach, err := r.listOld(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && !errors.Is(err, errOver) {
		return err
	}
	r.ledger.listed(r.a, reach)
	r.plans.Put(asking{r.a})
	return nil
}

// listOld returns how many bytes were listed, from the first on. Its errors are those of the link.
func (r reuseRun) listOld(ctx context.Context) (reach int64, err error) {
	f, err := r.site.openOld(r.a)
	if err != nil {
		return 0, nil
	}
	defer f.Close() // read only
	size := f.Info().Size
	level := delta.Level(size)
	most := min(size>>level+1, delta.MaxPieces)
	if !r.settle.pieces.Try(most) {
		return 0, nil
	}
	if !r.ledger.keep(r.a.of, holdings{pieces: most}) {
		r.settle.pieces.Give(most)
		return 0, errOver
	}
	r.track.Enter(transfer.PhaseComparing)
	reading := func() func() {
		r.track.Worked()
		return r.track.AtDisk()
	}
	_, err = delta.List(f, size, level, int(most), reading, func(pieces []framing.Piece, last bool) error {
		if ctx.Err() != nil || !r.ledger.isCurrent(r.a) {
			return errOver
		}
		for _, p := range pieces {
			reach += int64(p.Length)
		}
		m := framing.Pieces{ID: r.a.of.id, Attempt: r.a.number, Level: level, Last: last, Pieces: pieces}
		return failure.Link("listing an old file", r.requests.control.Send(true, framing.TypePieces, m.Append(nil)))
	})
	return reach, err
}

// patch takes a chunk that came as copies from the old file, and puts it together. If that is
// not the chunk that the sender has, for whatever reason, it is asked for as it is.
func (w *worker) patch(a *attempt, c *parcel.Chunk) error {
	index := c.Offset / checksum.ChunkSize
	wanted, asked := w.ledger.patched(a, index)
	switch {
	case !asked:
		return failure.Violation("chunk %d of entry %d as copies, which was not asked for", index, c.Entry)
	case !wanted:
		return nil
	}
	buf := w.pool.Get(c.Size)
	defer w.pool.Put(buf)
	copied, good, err := w.assemble(a, c, *buf)
	if err != nil {
		return err
	}
	node := checksum.NewNode(*buf, index)
	if !good || node.CV() != checksum.CV(c.Check) {
		return w.requests.now(a.wantAgain(index))
	}
	stale, err := w.write(a, c, *buf, node)
	switch {
	case err != nil:
		return w.settle.failAttempt(a, "writing", err)
	case stale:
		return nil
	}
	wrote, err := w.note(a, index, node, c.Size)
	if err != nil || !wrote {
		return err
	}
	w.moved(a, int64(c.Size)-copied, int64(c.Size)-copied)
	w.track.Kept(copied)
	w.track.Reused(copied, a.of.path())
	return nil
}

// assemble fills buf with what a chunk says. It is not good if the old file has not what it
// says. Copied is how many bytes are copies.
func (w *worker) assemble(a *attempt, c *parcel.Chunk, buf []byte) (copied int64, good bool, err error) {
	f, unread := w.site.openOld(a)
	if unread == nil {
		defer f.Close() // read only
	}
	at := 0
	for part, err := range framing.ParseCopies(c.Data, c.Size) {
		if err != nil {
			return 0, false, failure.Malformed(err)
		}
		at += copy(buf[at:], part.Literal)
		to := at + int(part.Length)
		if unread == nil && part.Length > 0 {
			var n int
			if n, unread = f.ReadAt(buf[at:to], int64(part.Offset)); n == to-at && unread == io.EOF {
				unread = nil // it ends there
			}
		}
		at, copied = to, copied+int64(part.Length)
	}
	return copied, unread == nil, nil
}
