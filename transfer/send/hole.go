package send

import (
	"context"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/link"
	"ferry/transfer/tree"
)

// hole tells whether a chunk of an attempt takes no space, so that it need not be
// read. It holds mu meanwhile: a handle that was closed in between could be
// another file's by then.
func (o *outFile) hole(attempt uint8, index uint64, n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f == nil || o.closed || o.attempt != attempt {
		return false
	}
	return o.extents.Cover(int64(index)*checksum.ChunkSize, int64(n)) == tree.AllHole
}

// content is a chunk's bytes: those of buf after reading it, or zeros that were
// not read.
func (o *outFile) content(attempt uint8, index uint64, buf []byte) (data []byte, stale bool, err error) {
	if o.hole(attempt, index, len(buf)) {
		return flow.Zeros[:len(buf)], false, nil
	}
	stale, err = o.read(attempt, index, buf)
	return buf, stale, err
}

// writeHole tells of a chunk of zeros, and returns the bytes of the frame's body.
func (s *sender) writeHole(ctx context.Context, out *link.Stream, j *job, header []byte) (int, []byte, error) {
	e := j.file.entry
	h := framing.DataHeader{
		ID: e.item.ID, Attempt: j.attempt, Flags: framing.DataLast, Encoding: framing.EncodingZeros,
		Offset: j.index * checksum.ChunkSize, Check: j.check,
	}
	header = framing.AppendDataHeader(header[:0], &h)
	payload := framing.AppendZeros(nil, uint32(j.size))
	wire := len(header) + len(payload)
	if err := s.spend(ctx, out, wire); err != nil {
		return 0, header, err
	}
	if err := out.Send(false, framing.TypeData, header, payload); err != nil {
		return 0, header, failure.Link("sending", err)
	}
	s.track.Moved(j.size, 0, e.item.Display)
	return wire, header, nil
}
