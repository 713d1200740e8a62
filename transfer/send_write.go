package transfer

import (
	"context"
	"sync/atomic"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/link"
)

// write sends jobs on one stream, each when it is ready and in the order of
// feed. What is small may wait in the stream's buffer while more is at hand.
func (s *sender) write(ctx context.Context, out *link.Stream) error {
	var header []byte
	for {
		var j *job
		var ok bool
		select {
		case j, ok = <-s.order:
		default:
			if err := out.Flush(); err != nil {
				return linkError("sending", err)
			}
			select {
			case j, ok = <-s.order:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if !ok {
			return linkError("sending", out.Flush())
		}
		select {
		case <-j.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var err error
		if j.data != nil {
			header, err = s.writeChunk(out, j, header)
		} else {
			err = s.writePack(out, j)
		}
		if err != nil {
			return err
		}
	}
}

func (s *sender) writePack(out *link.Stream, j *job) error {
	defer func() {
		if j.body != nil {
			s.pool.put(j.body)
		}
	}()
	if len(j.pack) == 0 {
		return nil
	}
	if err := s.spend(out, len(*j.body)); err != nil {
		return err
	}
	if err := out.Send(false, framing.TypePack, *j.body); err != nil {
		return linkError("sending files", err)
	}
	var n int64
	for _, e := range j.pack {
		n += e.item.Size
	}
	active := j.pack[len(j.pack)-1].item.Display
	s.track.update(func(p *Progress, r *Result) { p.Bytes += n; p.Moved += n; r.Moved += n; p.Active = active })
	return nil
}

// spend takes credit for a frame's body. Before it waits, what is in the buffer
// leaves, since only that brings more.
func (s *sender) spend(out *link.Stream, n int) error {
	cost := frameCost(n)
	if s.bytes.try(cost) {
		return nil
	}
	if err := out.Flush(); err != nil {
		return linkError("sending", err)
	}
	return s.bytes.take(cost)
}

func (s *sender) writeChunk(out *link.Stream, j *job, header []byte) ([]byte, error) {
	e, data := j.file.entry, *j.data
	// The buffer is free when the last piece has arrived, and nobody writes it.
	var users atomic.Int32
	users.Store(1)
	done := func() {
		if users.Add(-1) == 0 {
			s.pool.put(j.data)
			s.bufs.give(int64(len(data)))
		}
	}
	defer done()
	if j.skip {
		return header, nil
	}
	base := j.index * checksum.ChunkSize
	for from := 0; from < len(data); from += pieceBytes {
		piece := data[from:min(from+pieceBytes, len(data))]
		h := framing.DataHeader{ID: e.item.ID, Attempt: j.attempt, Offset: base + uint64(from)}
		if from+len(piece) == len(data) {
			h.Flags, h.Check = framing.DataLast, j.check
		}
		header = framing.AppendDataHeader(header[:0], &h)
		if err := s.spend(out, len(header)+len(piece)); err != nil {
			return header, err
		}
		users.Add(1)
		if err := out.Lend(framing.TypeData, header, piece, done); err != nil {
			return header, linkError("sending", err)
		}
	}
	n := int64(len(data))
	s.track.update(func(p *Progress, r *Result) { p.Bytes += n; p.Moved += n; r.Moved += n; p.Active = e.item.Display })
	last, err := j.file.settleChunk(j.attempt, j.index, j.check, true)
	if err == nil && last && !j.single {
		if err = out.Flush(); err == nil {
			err = s.finish(j.file, j.attempt)
		}
	}
	return header, err
}
