package receive

import (
	"context"
	"sync"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/storage"
)

// within takes content from a sender in this process: parcel.Inlet. What a worker does with
// content that came over a link is done in the goroutine that hands it over. It holds
// content against what was asked for, as a reader does, but for its digest, which was made
// of these very bytes. The receiver owns it, and nothing is under way in it when end
// returns.
type within struct {
	intake *intake
	worker *worker
	failed chan error // capacity 1: what ends the delivery

	mu    sync.Mutex // guards over, and calls against a wait that has begun
	over  bool
	calls sync.WaitGroup // under way
}

func newWithin(in *intake, w *worker) *within {
	return &within{intake: in, worker: w, failed: make(chan error, 1)}
}

// run returns the error that ends the delivery, or nil when all is settled.
func (w *within) run(ctx context.Context, complete <-chan struct{}) error {
	select {
	case err := <-w.failed:
		return err
	case <-complete:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end lets nothing more in, and waits for what is under way.
func (w *within) end() {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.calls.Wait()
}

// begin begins a call, unless the delivery has ended.
func (w *within) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.calls.Add(1)
	}
	return !w.over
}

// do does something for the sender. What goes wrong is this side's, and ends the delivery
// here: the sender hears of it as of any other failure of this side.
func (w *within) do(what func() error) error {
	if !w.begin() {
		return parcel.ErrOver
	}
	defer w.calls.Done()
	defer w.worker.track.AtDisk()()
	err := what()
	if err == nil {
		return nil
	}
	select {
	case w.failed <- err:
	default: // the first one counts
	}
	return parcel.ErrOver
}

// Chunk is parcel.Inlet's.
func (w *within) Chunk(_ context.Context, c *parcel.Chunk) error {
	return w.do(func() error {
		a, err := w.intake.check(c)
		if a == nil || err != nil {
			return err
		}
		if a.form == chunked {
			a.share.once.Do(func() {}) // what is shared from now on would take its place
		}
		return w.worker.chunk(c)
	})
}

// Share is parcel.Inlet's.
func (w *within) Share(_ context.Context, c *parcel.Chunk, from storage.File) (shared bool, err error) {
	err = w.do(func() (err error) {
		a, err := w.intake.check(c)
		if a == nil || err != nil || a.form != chunked || a.basis != nil {
			return err
		}
		shared, err = w.worker.share(a, c, from)
		return err
	})
	return shared, err
}

// Pack is parcel.Inlet's.
func (w *within) Pack(_ context.Context, p *parcel.Pack) error {
	return w.do(func() error {
		files := make([]verified, 0, len(p.Files))
		for _, f := range p.Files {
			a, err := w.intake.ledger.expectPacked(f.Entry, len(f.Data))
			if err != nil {
				return err
			}
			if a != nil {
				files = append(files, verified{a, f.Data, f.Root})
			}
		}
		return w.worker.smalls(files)
	})
}

// nodeOf hashes a chunk, unless that was done in this process.
func nodeOf(c *parcel.Chunk, data []byte, index uint64) checksum.Node {
	if c.Node != nil {
		return *c.Node
	}
	return checksum.NewNode(data, index)
}

// share has the Partial share what from has, and then takes a chunk that it has so: what is
// there is read and hashed. False if nothing is shared, or the chunk is a hole.
func (w *worker) share(a *attempt, c *parcel.Chunk, from storage.File) (shared bool, err error) {
	partial := a.part.hold()
	if partial == nil {
		return false, nil
	}
	defer a.part.let()
	a.share.once.Do(func() {
		s, ok := partial.(storage.Sharer)
		a.share.does = ok && s.Share(from)
	})
	index := c.Offset / checksum.ChunkSize
	if !a.share.does || c.Encoding == framing.EncodingZeros || !w.ledger.wants(a, index) {
		return false, nil
	}
	n, err := partial.ReadChunk(index, c.Data)
	if err != nil || n != len(c.Data) {
		return false, nil // whoever reads the source sees what is wrong with it
	}
	node := checksum.NewNode(c.Data, index)
	c.Node = &node
	partial.Mark(index, node.CV())
	return true, w.took(a, c, node, c.Size)
}
