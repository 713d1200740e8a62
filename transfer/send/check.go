package send

import (
	"context"
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
)

// checkJob asks for chunks to be hashed that the receiver holds already, or for
// a whole file that is only compared.
type checkJob struct {
	file *outFile
	want want
	size int64
}

// checkLoop hashes what is not sent, beside the sending, with a buffer of its
// own so that neither waits for the other.
func (s *sender) checkLoop(ctx context.Context) error {
	var buf []byte
	for {
		c, ok, err := s.checks.Take(ctx)
		if err != nil || !ok {
			return err
		}
		if buf == nil {
			buf = make([]byte, checksum.ChunkSize)
		}
		if c.want.kind == framing.WantCheck {
			err = s.checkWhole(ctx, c, buf)
		} else {
			err = s.checkPage(ctx, c, buf)
		}
		if err != nil {
			return err
		}
	}
}

func (s *sender) checkWhole(ctx context.Context, c checkJob, buf []byte) error {
	chunks := checksum.Chunks(c.size)
	for i := range chunks {
		if _, over, err := s.checkChunk(ctx, c, i, buf, nil); over || err != nil {
			return err
		}
	}
	return s.finish(c.file, c.want.attempt)
}

// checkPage compares the chunks of a page that the receiver holds. Those that
// differ are sent like any other.
func (s *sender) checkPage(ctx context.Context, c checkJob, buf []byte) error {
	w := c.want
	cvs := w.page.cvs
	k := framing.Checked{ID: w.entry.item.ID, Attempt: w.attempt, First: w.first, Count: w.count, Bitmap: make([]byte, (w.count+7)/8)}
	for i := range w.count {
		if !w.page.has(i) {
			continue
		}
		claim := cvs[:framing.DigestSize]
		cvs = cvs[framing.DigestSize:]
		equal, over, err := s.checkChunk(ctx, c, w.first+i, buf, claim)
		if err != nil {
			return err
		}
		if over {
			break
		}
		n := int64(checksum.ChunkLen(c.size, w.first+i))
		if !equal {
			s.wants.Put(want{entry: w.entry, attempt: w.attempt, kind: framing.WantAgain, first: w.first + i, count: 1, own: true})
			continue
		}
		k.SetSame(i)
		s.track.Reused(n, w.entry.item.Display)
	}
	s.retirePage(w)
	return failure.Link("answering a page", s.link.Stream(0).Send(true, framing.TypeChecked, k.Append(nil)))
}

// checkChunk hashes one chunk and, if it equals the claim or there is none,
// settles it. over says that the attempt ended.
func (s *sender) checkChunk(ctx context.Context, c checkJob, index uint64, buf, claim []byte) (equal, over bool, err error) {
	if ctx.Err() != nil {
		return false, true, context.Cause(ctx)
	}
	o, e := c.file, c.file.entry
	atDisk := s.track.AtDisk()
	data, stale, err := o.content(c.want.attempt, index, buf[:checksum.ChunkLen(c.size, index)])
	atDisk()
	s.track.Worked()
	switch {
	case stale:
		return false, true, nil
	case errors.Is(err, io.EOF):
		return false, true, s.restart(o, c.want.attempt)
	case err != nil:
		return false, true, s.giveUp(e, failure.Source("reading", e.item.Display, err))
	}
	check := checksum.Check(data, index, c.size <= checksum.ChunkSize)
	if claim != nil && string(claim) != string(check[:]) {
		return false, false, nil
	}
	done, err := o.settleChunk(c.want.attempt, index, check, false)
	if err == nil && done && claim != nil {
		err = s.finish(o, c.want.attempt)
	}
	return true, false, err
}
