package send

import (
	"context"
	"errors"
	"sync/atomic"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/link"
)

// errSettled ends the wait for credit after the receipt: what is left to be sent,
// nobody needs any more.
var errSettled = errors.New("everything is settled")

// write sends jobs on one stream, each when it is ready and in the order of
// feed. What is small may wait in the stream's buffer while more is at hand.
func (s *sender) write(ctx context.Context, out *link.Stream) error {
	var header []byte
	var clock compress.Timer
	for {
		var j *job
		var ok bool
		select {
		case j, ok = <-s.order:
		default:
			if err := out.Flush(); err != nil {
				return failure.Link("sending", err)
			}
			select {
			case j, ok = <-s.order:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if !ok {
			return failure.Link("sending", out.Flush())
		}
		if err := s.awaitJob(ctx, out, j); err != nil {
			return err
		}
		var err error
		var wire int
		clock.Start()
		if j.file != nil {
			wire, header, err = s.writeChunk(ctx, out, j, header)
		} else {
			wire, err = s.writePack(ctx, out, j)
		}
		if errors.Is(err, errSettled) {
			continue
		}
		if err != nil {
			return err
		}
		if j.hole {
			continue // it says nothing of the line
		}
		if spent := clock.Stop(j.size, int64(wire)); !j.skip {
			s.press.Sent(j.epoch, spent)
		}
	}
}

// awaitJob waits until j can be sent. What is in the buffer leaves meanwhile.
func (s *sender) awaitJob(ctx context.Context, out *link.Stream, j *job) error {
	select {
	case <-j.ready:
		return nil
	default:
	}
	if err := out.Flush(); err != nil {
		return failure.Link("sending", err)
	}
	select {
	case <-j.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// writePack sends a pack, and returns the bytes of its body.
func (s *sender) writePack(ctx context.Context, out *link.Stream, j *job) (wire int, err error) {
	defer func() {
		if j.body != nil {
			s.pool.Put(j.body)
		}
	}()
	if len(j.pack) == 0 {
		return 0, nil
	}
	wire = len(*j.body)
	if err := s.spend(ctx, out, wire); err != nil {
		return 0, err
	}
	t := framing.TypePack
	if j.zstd {
		t = framing.TypePackZ
	}
	s.sending.Add(1)
	err = out.Send(false, t, *j.body)
	s.sending.Add(-1)
	if err != nil {
		return 0, failure.Link("sending files", err)
	}
	n := j.size
	active := j.pack[len(j.pack)-1].item.Display
	s.track.Moved(n, n, active)
	return wire, nil
}

// setLimit puts the limits of both sides in force.
func (s *sender) setLimit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit.Set(flow.Smaller(s.opt.Limit.Rate(), s.peerRate.Load()))
}

// spend takes credit for a frame's body that stands alone, and then waits for its
// turn under the limit of the rate.
func (s *sender) spend(ctx context.Context, out *link.Stream, n int) error {
	c, err := s.allot(ctx, out, flow.FrameCost(n))
	if err != nil {
		return err
	}
	defer c.end()
	return c.spend(ctx, n)
}

// keepRate waits for the turn of a frame under the limit of the rate; under a
// limit nothing gathers in the buffer.
func (s *sender) keepRate(ctx context.Context, out *link.Stream, n int) error {
	if s.limit.Rate() == 0 {
		return nil
	}
	if err := out.Flush(); err != nil {
		return failure.Link("sending", err)
	}
	return s.limit.Take(ctx, flow.OnWire(n))
}

// writeChunk sends a chunk, and returns the bytes of its frames' bodies.
func (s *sender) writeChunk(ctx context.Context, out *link.Stream, j *job, header []byte) (wire int, _ []byte, err error) {
	if j.hole {
		wire, header, err = s.writeHole(ctx, out, j, header)
	} else {
		wire, header, err = s.writePieces(ctx, out, j, header)
	}
	if err != nil || j.skip {
		return 0, header, err
	}
	last, err := j.file.settleChunk(j.attempt, j.index, j.check, true)
	if err == nil && last && !j.single {
		if err = out.Flush(); err == nil {
			err = s.finish(j.file, j.attempt)
		}
	}
	return wire, header, err
}

// writePieces sends the bytes of a chunk.
func (s *sender) writePieces(ctx context.Context, out *link.Stream, j *job, header []byte) (wire int, _ []byte, err error) {
	e, data := j.file.entry, *j.data
	// The buffer is free when the last piece has arrived, and nobody writes it.
	var users atomic.Int32
	users.Store(1)
	done := func() {
		if users.Add(-1) == 0 {
			s.pool.Put(j.data)
			s.bufs.Give(int64(len(data)))
		}
	}
	defer done()
	if j.skip {
		return 0, header, nil
	}
	credit, err := s.allot(ctx, out, chunkCost(len(data)))
	if err != nil {
		return 0, header, err
	}
	defer credit.end()
	base := j.index * checksum.ChunkSize
	var moved int64
	for from := 0; from < len(data); {
		piece := data[from:min(from+s.limit.Frame(pieceBytes), len(data))]
		h := framing.DataHeader{ID: e.item.ID, Attempt: j.attempt, Encoding: framing.EncodingRaw, Offset: base + uint64(from)}
		if j.zstd {
			h.Encoding = framing.EncodingZstd
		}
		if from += len(piece); from == len(data) {
			h.Flags, h.Check = framing.DataLast, j.check
		}
		header = framing.AppendDataHeader(header[:0], &h)
		wire += len(header) + len(piece)
		if err := credit.spend(ctx, len(header)+len(piece)); err != nil {
			return 0, header, err
		}
		users.Add(1)
		s.sending.Add(1)
		err := out.Lend(framing.TypeData, header, piece, done)
		s.sending.Add(-1)
		if err != nil {
			return 0, header, failure.Link("sending", err)
		}
		// Of a frame, the share of the content that it stands for.
		n := j.size*int64(from)/int64(len(data)) - moved
		moved += n
		s.track.Moved(n, n, e.item.Display)
	}
	return wire, header, nil
}
