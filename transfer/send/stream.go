package send

import (
	"context"
	"errors"
	"io"
	"time"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
)

// block is one Read of a stream: n more bytes in the chunk at hand.
type block struct {
	n   int
	err error
}

// streamRun sends a source of unknown length. One goroutine has it; another one
// reads, into the other of two chunks of memory.
type streamRun struct {
	s    *sender
	ctx  context.Context
	e    *outEntry
	tree *checksum.Tree
	due  *time.Timer // when what waits has to leave

	chunk, next  []byte // that is filled; that will be
	index        uint64
	filled, sent int  // of chunk
	waiting      bool // due runs
	// try: the chunk is kept until it is full, or due, to be compressed as a whole.
	try   bool
	epoch uint32

	header []byte
	clock  compress.Timer
}

// stream sends a source of unknown length on stream 0: bytes leave after at most
// streamDelay, and the last piece of each chunk carries its CV.
func (s *sender) stream(parent context.Context, e *outEntry) error {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	s.mu.Lock()
	e.stop = stop
	settled := s.inFlight[e.item.ID] != e
	s.mu.Unlock()
	if settled {
		return nil
	}
	s.track.Tell(transfer.ItemStarted{Path: e.item.Display, Size: -1})
	blocks, fresh := make(chan block), make(chan []byte, 1)
	src := e.reader
	if src == nil { // a FIFO or device that was asked for by name
		f, _, err := e.item.OpenStream(ctx)
		if err != nil {
			return s.giveUp(e, failure.Source("opening", e.item.Display, err))
		}
		defer f.Close() // read only; it also ends a Read that waits
		src = f
	}
	// The reader belongs to this stream. A Read that blocks for ever outlives
	// it: nothing can interrupt it but the end of the process.
	go readBlocks(ctx, src, fresh, blocks)

	r := &streamRun{
		s: s, ctx: ctx, e: e, tree: checksum.NewTree(-1), due: time.NewTimer(streamDelay),
		chunk: make([]byte, checksum.ChunkSize), next: make([]byte, checksum.ChunkSize),
	}
	fresh <- r.chunk
	r.due.Stop()
	defer r.due.Stop()
	r.try, r.epoch = s.press.Next()
	for {
		s.track.Be(framing.StateSource)
		var err error
		var end bool
		select {
		case <-ctx.Done():
			return context.Cause(parent) // nil if only the receiver gave the stream up
		case <-r.due.C:
			s.track.Be(framing.StateSending)
			err = r.leave(false)
		case b := <-blocks:
			s.track.Be(framing.StateSending)
			end, err = r.take(b, fresh)
		}
		if err != nil && ctx.Err() != nil {
			return context.Cause(parent) // the same, while it waited to send
		}
		if end || err != nil {
			return err
		}
	}
}

// take deals with what was read; end says that it was the last.
func (r *streamRun) take(b block, fresh chan<- []byte) (end bool, err error) {
	r.filled += b.n
	switch {
	case b.err != nil && !errors.Is(b.err, io.EOF):
		return true, r.s.giveUp(r.e, failure.Source("reading", r.e.item.Display, b.err))
	case b.err != nil:
		if r.filled > 0 {
			if err := r.leave(true); err != nil {
				return true, err
			}
		}
		return true, r.s.endStream(r.e, r.tree, r.index, r.filled)
	case r.filled == len(r.chunk):
		// The next chunk fills while this one leaves.
		fresh <- r.next
		if err := r.leave(true); err != nil {
			return true, err
		}
		r.chunk, r.next = r.next, r.chunk
		r.index, r.filled, r.sent = r.index+1, 0, 0
		r.try, r.epoch = r.s.press.Next()
	case r.filled-r.sent >= pieceBytes && !r.try:
		err = r.leave(false)
	}
	if r.filled > r.sent && !r.waiting {
		r.waiting = true
		r.due.Reset(streamDelay)
	}
	return false, err
}

// leave sends what is filled and not sent; last ends the chunk.
func (r *streamRun) leave(last bool) error {
	r.waiting = false
	r.due.Stop()
	content := r.filled - r.sent
	var check checksum.CV
	if last {
		node := checksum.NewNode(r.chunk[:r.filled], r.index)
		check = node.CV()
		if err := r.tree.SetNode(r.index, node); err != nil {
			return err
		}
	}
	h := framing.DataHeader{ID: r.e.item.ID, Encoding: framing.EncodingRaw, Check: check}
	rest := r.chunk[r.sent:r.filled]
	if last && r.try && r.sent == 0 {
		var frame *[]byte
		if frame, r.epoch = r.s.press.Shrink(&r.s.pool, rest); frame != nil {
			defer r.s.pool.Put(frame)
			h.Encoding, rest = framing.EncodingZstd, *frame
		}
	}
	r.try = false // once bytes have left it is too late
	r.clock.Start()
	wire, err := r.pieces(h, rest, int64(content), last)
	if err != nil {
		return err
	}
	r.sent = r.filled
	if err := r.s.link.Stream(0).Flush(); err != nil {
		return failure.Link("sending", err)
	}
	r.s.press.Sent(r.epoch, r.clock.Stop(int64(content), int64(wire)))
	return nil
}

// pieces sends payload, which stands for content bytes behind those that were sent
// of the chunk, in frames like h.
func (r *streamRun) pieces(h framing.DataHeader, payload []byte, content int64, last bool) (wire int, err error) {
	s, out := r.s, r.s.link.Stream(0)
	whole, gone, moved := int64(max(1, len(payload))), int64(0), int64(0)
	h.Offset = r.index*checksum.ChunkSize + uint64(r.sent)
	for len(payload) > 0 || last {
		piece := payload[:min(s.limit.Frame(pieceBytes), len(payload))]
		payload = payload[len(piece):]
		if last && len(payload) == 0 {
			h.Flags, last = framing.DataLast, false
		}
		r.header = framing.AppendDataHeader(r.header[:0], &h)
		h.Offset += uint64(len(piece))
		wire += len(r.header) + len(piece)
		if err := s.spend(r.ctx, out, len(r.header)+len(piece)); err != nil {
			return 0, err
		}
		if err := out.Send(false, framing.TypeData, r.header, piece); err != nil {
			return 0, failure.Link("sending", err)
		}
		gone += int64(len(piece))
		n := content*gone/whole - moved
		moved += n
		s.track.Streamed(n, r.e.item.Display)
	}
	return wire, nil
}

// endStream sends FILEEND for a stream that came to its end.
func (s *sender) endStream(e *outEntry, t *checksum.Tree, index uint64, filled int) error {
	size := int64(index)*checksum.ChunkSize + int64(filled)
	if err := t.Finish(size); err != nil {
		return err
	}
	root, err := t.Root()
	if err != nil {
		return err
	}
	s.mu.Lock()
	e.root, e.size, e.hashed = root, size, true
	s.mu.Unlock()
	end := framing.FileEnd{ID: e.item.ID, Size: uint64(size), Root: root, Chunks: checksum.Chunks(size)}
	return failure.Link("ending a stream", s.link.Stream(0).Send(true, framing.TypeFileEnd, end.Append(nil)))
}

// readBlocks reads src into one chunk after another and tells of each Read. It
// ends with the source, or with ctx once the Read it is in returns.
func readBlocks(ctx context.Context, src io.Reader, fresh <-chan []byte, blocks chan<- block) {
	for {
		var chunk []byte
		select {
		case chunk = <-fresh:
		case <-ctx.Done():
			return
		}
		for len(chunk) > 0 {
			n, err := src.Read(chunk)
			select {
			case blocks <- block{n, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			chunk = chunk[n:]
		}
	}
}
