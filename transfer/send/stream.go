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
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
)

// streamRun sends a source of unknown length on stream 0. Bytes leave after at most
// streamDelay, and the last piece of each chunk carries its CV. One goroutine does so,
// in the place of feed and a worker; another goroutine reads the source.
type streamRun struct {
	entry    *entry
	out      parcel.Outlet // of stream 0
	attempts *attempts
	press    *compress.Compressor // nil: nothing is compressed
	pool     *flow.Pool
	track    *progress.Tracker

	chunk   filling
	tree    *checksum.Tree
	due     *time.Timer // when what waits has to leave
	waiting bool        // due runs
	whole   bool        // the chunk is kept until it is full, or due, to be compressed as a whole
	epoch   uint32      // of the decision about that
	clock   compress.Timer
}

// filling is the chunk of a stream that fills, while the one before it leaves.
type filling struct {
	bytes, next  []byte // that fills; that will be filled
	index        uint64
	filled, sent int // bytes
}

func newFilling() filling {
	return filling{bytes: make([]byte, checksum.ChunkSize), next: make([]byte, checksum.ChunkSize)}
}

// rest is what did not leave yet.
func (f *filling) rest() []byte { return f.bytes[f.sent:f.filled] }

func (f *filling) full() bool { return f.filled == len(f.bytes) }

// size is that of the stream so far.
func (f *filling) size() int64 { return int64(f.index)*checksum.ChunkSize + int64(f.filled) }

// turn begins the next chunk.
func (f *filling) turn() {
	f.bytes, f.next = f.next, f.bytes
	f.index, f.filled, f.sent = f.index+1, 0, 0
}

// block is one Read of a stream: n more bytes in the chunk at hand.
type block struct {
	n   int
	err error
}

// stopper ends a stream run, as what an entry keeps open.
type stopper context.CancelFunc

func (s stopper) end() { s() }

// run sends the source. It returns nil as well if the receiver gave the stream up.
func (r *streamRun) run(parent context.Context) error {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	if !r.attempts.book.attach(r.entry, stopper(stop)) {
		return nil
	}
	r.track.Tell(transfer.ItemStarted{Path: r.entry.item.Display, Size: -1})
	src := r.entry.reader
	if src == nil { // a FIFO or device that was asked for by name
		f, err := storage.OfItem(r.entry.item).OpenStream(ctx)
		if err != nil {
			return r.attempts.unread(r.entry, "opening", err)
		}
		defer f.Close() // read only; it also ends a Read that waits
		src = f
	}
	err := r.copy(ctx, src)
	if ctx.Err() != nil {
		return context.Cause(parent) // nil if the receiver gave the stream up
	}
	return err
}

// copy sends src to its end.
func (r *streamRun) copy(ctx context.Context, src io.Reader) error {
	r.chunk, r.tree, r.due = newFilling(), checksum.NewTree(-1), time.NewTimer(streamDelay)
	r.due.Stop()
	defer r.due.Stop()
	blocks, fresh := make(chan block), make(chan []byte, 1)
	// The reader belongs to this run. A Read that blocks for ever outlives
	// it: nothing can interrupt it but the end of the process.
	go readBlocks(ctx, src, fresh, blocks)
	fresh <- r.chunk.bytes
	r.whole, r.epoch = r.press.Next()
	for {
		r.track.Be(framing.StateSource)
		var err error
		var end bool
		select {
		case <-ctx.Done():
			return nil
		case <-r.due.C:
			r.track.Be(framing.StateSending)
			err = r.leave(ctx, false)
		case b := <-blocks:
			r.track.Be(framing.StateSending)
			end, err = r.got(ctx, b, fresh)
		}
		if end || err != nil {
			return err
		}
	}
}

// got deals with a block that was read; end says that it was the last.
func (r *streamRun) got(ctx context.Context, b block, fresh chan<- []byte) (end bool, err error) {
	c := &r.chunk
	c.filled += b.n
	switch {
	case b.err != nil && !errors.Is(b.err, io.EOF):
		return true, r.attempts.unread(r.entry, "reading", b.err)
	case b.err != nil:
		if c.filled > 0 {
			if err := r.leave(ctx, true); err != nil {
				return true, err
			}
		}
		return true, r.attempts.finishStream(r.entry, r.tree, c.size())
	case c.full():
		fresh <- c.next // it fills while this one leaves
		if err := r.leave(ctx, true); err != nil {
			return true, err
		}
		c.turn()
		r.whole, r.epoch = r.press.Next()
	case len(c.rest()) >= pieceBytes && !r.whole:
		err = r.leave(ctx, false)
	}
	if len(c.rest()) > 0 && !r.waiting {
		r.waiting = true
		r.due.Reset(streamDelay)
	}
	return false, err
}

// leave sends what is filled and not sent; last ends the chunk.
func (r *streamRun) leave(ctx context.Context, last bool) error {
	r.waiting = false
	r.due.Stop()
	c := &r.chunk
	piece := parcel.Chunk{
		Entry: r.entry.item.ID, Offset: c.index*checksum.ChunkSize + uint64(c.sent), Size: len(c.rest()), Data: c.rest(), Encoding: framing.EncodingRaw,
		Last: last, Owner: r,
	}
	if last {
		node := checksum.NewNode(c.bytes[:c.filled], c.index)
		piece.Check = node.CV()
		if err := r.tree.SetNode(c.index, node); err != nil {
			return err
		}
	}
	if last && r.whole && c.sent == 0 {
		var frame *[]byte
		if frame, r.epoch = r.press.Shrink(r.pool, piece.Data); frame != nil {
			defer r.pool.Put(frame)
			piece.Encoding, piece.Data = framing.EncodingZstd, *frame
		}
	}
	r.whole = false // once bytes have left it is too late
	r.clock.Start()
	wire, err := r.out.Piece(ctx, &piece)
	if err != nil {
		return err
	}
	c.sent = c.filled
	if err := r.out.Flush(); err != nil {
		return err
	}
	r.press.Sent(r.epoch, r.clock.Stop(int64(piece.Size), int64(wire)))
	return nil
}

// Moved is parcel.Owner's.
func (r *streamRun) Moved(n int64) { r.track.Streamed(n, r.entry.item.Display) }

// Free is parcel.Owner's. The run has its bytes back when it has sent them.
func (r *streamRun) Free() {}

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
