package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"ferry/checksum"
	"ferry/framing"
)

// block is one Read of a stream: n more bytes in the chunk at hand.
type block struct {
	n   int
	err error
}

// stream sends a source of unknown length on stream 0: bytes leave after at
// most streamDelay, and the last piece of each chunk carries its CV. Two chunks
// of memory: one is filled while the other leaves.
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
	s.track.tell(ItemStarted{Path: e.item.Display, Size: -1})
	blocks, fresh := make(chan block), make(chan []byte, 1)
	src := e.reader
	if src == nil { // a FIFO or device that was asked for by name
		f, _, err := e.item.OpenStream(ctx)
		if err != nil {
			return s.giveUp(e, sourceError("opening", e.item.Display, err))
		}
		defer f.Close() // read only; it also ends a Read that waits
		src = f
	}
	// The reader belongs to this stream. A Read that blocks for ever outlives
	// it: nothing can interrupt it but the end of the process.
	go readBlocks(ctx, src, fresh, blocks)

	out := s.link.Stream(0)
	t := checksum.NewTree(-1)
	chunk, next := make([]byte, checksum.ChunkSize), make([]byte, checksum.ChunkSize)
	fresh <- chunk
	due := time.NewTimer(streamDelay)
	due.Stop()
	defer due.Stop()
	var header []byte
	var index uint64
	filled, sent, waiting := 0, 0, false
	// piece sends what is filled and not sent; last ends the chunk.
	piece := func(last bool) error {
		waiting = false
		for sent < filled || last {
			n := min(filled-sent, pieceBytes)
			h := framing.DataHeader{ID: e.item.ID, Offset: index*checksum.ChunkSize + uint64(sent)}
			if last && sent+n == filled {
				node := checksum.NewNode(chunk[:filled], index)
				h.Flags, h.Check = framing.DataLast, node.CV()
				if err := t.SetNode(index, node); err != nil {
					return err
				}
				last = false
			}
			header = framing.AppendDataHeader(header[:0], &h)
			if err := s.spend(out, len(header)+n); err != nil {
				return err
			}
			if err := out.Send(false, framing.TypeData, header, chunk[sent:sent+n]); err != nil {
				return linkError("sending", err)
			}
			sent += n
			s.track.update(func(p *Progress, r *Result) {
				p.Bytes += int64(n)
				p.Total += int64(n)
				p.Moved += int64(n)
				r.Moved += int64(n)
				p.Active = e.item.Display
			})
		}
		return linkError("sending", out.Flush())
	}
	for {
		s.state.Store(uint32(framing.StateSource))
		select {
		case <-ctx.Done():
			return context.Cause(parent) // nil if only the receiver gave the stream up
		case <-due.C:
			s.state.Store(uint32(framing.StateSending))
			if err := piece(false); err != nil {
				return err
			}
		case b := <-blocks:
			s.state.Store(uint32(framing.StateSending))
			filled += b.n
			switch {
			case b.err != nil && !errors.Is(b.err, io.EOF):
				return s.giveUp(e, sourceError("reading", e.item.Display, b.err))
			case b.err != nil:
				if filled > 0 {
					if err := piece(true); err != nil {
						return err
					}
				}
				return s.endStream(e, t, index, filled)
			case filled == len(chunk):
				// The next chunk fills while this one leaves.
				fresh <- next
				if err := piece(true); err != nil {
					return err
				}
				chunk, next = next, chunk
				index, filled, sent = index+1, 0, 0
			case filled-sent >= pieceBytes:
				if err := piece(false); err != nil {
					return err
				}
			}
			if filled > sent && !waiting {
				waiting = true
				due.Reset(streamDelay)
			}
		}
	}
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
	return linkError("ending a stream", s.link.Stream(0).Send(true, framing.TypeFileEnd, end.Append(nil)))
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
