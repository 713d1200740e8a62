package receive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// orderedRun writes a delivery to one output, in the order of the walk: raw, or
// as a tar archive. One goroutine does everything behind the readers; the
// sender was told to keep to the order, so nothing is stored in between. Bytes
// leave as they come; a chunk that turns out wrong ends in an error after it.
type orderedRun struct {
	r   *receiver
	ctx context.Context
	out io.Writer
	tar *tar.Writer // nil: raw

	waiting []*inEntry // announced, and neither written nor failed; in order
	current *inEntry   // the file whose content is being written: waiting[0]
	written int64      // of current
	chunk   []byte     // of current, for hashing
	chunks  *checksum.Tree
}

// ordered is steps 2 to 6 of the pipeline when the delivery goes to an Output.
func (r *receiver) ordered(ctx context.Context) error {
	out := consumed{r}
	o := &orderedRun{r: r, ctx: ctx, out: out}
	single := r.offer.Items == 1 && len(r.offer.Listed) == 1
	if !single || r.offer.Listed[0].Kind != framing.KindFile && r.offer.Listed[0].Kind != framing.KindStream {
		o.tar = tar.NewWriter(out)
	}
	for {
		if it, ok, _ := r.plans.Try(); ok {
			if err := o.take(it); err != nil {
				return err
			}
			continue
		}
		if j, ok, _ := r.jobs.Try(); ok {
			err := o.content(j)
			if err == nil {
				err = r.grant(j.cost)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := r.sendWants(); err != nil {
			return err
		}
		if err := r.sendVerdicts(); err != nil {
			return err
		}
		select {
		case <-r.plans.Woken():
		case <-r.jobs.Woken():
		case <-r.complete:
			return o.end(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// end closes the archive and gives the receipt: for an output, which nobody
// here can sync, it says that the bytes were handed over and were right.
func (o *orderedRun) end(ctx context.Context) error {
	if err := o.advance(); err != nil {
		return err
	}
	if o.tar != nil {
		if err := o.tar.Close(); err != nil {
			return outputError(err)
		}
	}
	if err := o.r.sendVerdicts(); err != nil {
		return err
	}
	return o.r.sendReceipt(ctx, &storage.Report{})
}

// consumed is the Output, with heartbeats that say when it is waited for.
type consumed struct{ r *receiver }

func (c consumed) Write(b []byte) (int, error) {
	was := c.r.track.Be(framing.StateSource)
	defer c.r.track.Be(was)
	return c.r.opt.Output.Write(b)
}

// take handles an announcement, or what the sender says of an entry.
func (o *orderedRun) take(it planItem) error {
	r := o.r
	switch {
	case it.folderEnd != 0:
		return r.endFolder(it.folderEnd)
	case it.changed != nil:
		return o.fail(it.in, &transfer.Error{Code: framing.CodeChanged, Err: errors.New("it changed while it was read, and what was written cannot be taken back")})
	case it.fault != nil:
		return o.fail(it.in, failure.Remote("receiving", it.fault.Code, it.fault.Message))
	}
	e := it.in
	ok, err := r.admit(e)
	if err != nil || !ok {
		return err
	}
	t := e.entry
	switch {
	case t.Kind == tree.Root:
		r.addFolder(e, true, nil)
		return nil
	case o.tar == nil && t.Kind != tree.File && t.Kind != tree.Stream:
		return failure.Violation("entry %d is a %v, offered was one file", t.ID, t.Kind)
	case o.tar != nil && t.Kind == tree.Stream:
		return r.fail(e, "receiving", &transfer.Error{Code: framing.CodeUnsupported, Err: errors.New("a stream of unknown length cannot go into an archive; send it alone")})
	case t.Kind == tree.Symlink:
		if ok, err := r.admitSymlink(e); err != nil || !ok {
			return err
		}
	case t.Kind == tree.Folder:
		r.addFolder(e, false, nil)
	case t.Kind == tree.Socket:
		return r.fail(e, "receiving", &transfer.Error{Code: framing.CodeUnsupported, Err: errors.New("an archive has no sockets")})
	case t.Kind != tree.File && t.Kind != tree.Stream: // nothing to ask for
	default:
		e.mu.Lock()
		e.asked, e.packed = true, t.Kind == tree.File && t.Size <= checksum.ChunkSize
		e.mu.Unlock()
		r.track.Enter(transfer.PhaseTransfer)
		if err := r.want(&framing.Want{ID: t.ID, Kind: framing.WantAll}); err != nil {
			return err
		}
	}
	o.waiting = append(o.waiting, e)
	return o.advance()
}

// advance writes what needs no content and stands before the next file.
func (o *orderedRun) advance() error {
	for len(o.waiting) > 0 && o.current == nil {
		e := o.waiting[0]
		t := e.entry
		if t.Kind == tree.File || t.Kind == tree.Stream {
			return nil
		}
		o.waiting = o.waiting[1:]
		if t.Kind == tree.HardLink {
			if done, err := o.r.refuseLink(e); err != nil {
				return err
			} else if done {
				continue
			}
		}
		if err := o.tar.WriteHeader(o.r.tarHeader(e)); err != nil {
			return outputError(err)
		}
		if t.Kind != tree.Folder {
			if err := o.r.settle(e, transfer.StatusDelivered, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// open begins the content of e, which must be next.
func (o *orderedRun) open(e *inEntry) error {
	if o.current == e {
		return nil
	}
	if o.current != nil || len(o.waiting) == 0 || o.waiting[0] != e {
		return failure.Violation("content of entry %d out of order", e.entry.ID)
	}
	o.current, o.written, o.chunks = e, 0, checksum.NewTree(e.entry.Size)
	if o.chunk == nil {
		o.chunk = make([]byte, 0, checksum.ChunkSize)
	}
	o.chunk = o.chunk[:0]
	if e.entry.Size > flow.PackLimit || e.entry.Size < 0 {
		o.r.track.Tell(transfer.ItemStarted{Path: e.path(), Size: e.entry.Size})
	}
	if o.tar == nil {
		return nil
	}
	if err := o.tar.WriteHeader(o.r.tarHeader(e)); err != nil {
		return outputError(err)
	}
	return nil
}

// write writes b, of which so many bytes are zeros that did not cross the network.
func (o *orderedRun) write(b []byte, zeros int) error {
	if len(b) == 0 {
		return nil
	}
	w := o.out
	if o.tar != nil {
		w = o.tar
	}
	n, err := w.Write(b)
	o.written += int64(n)
	if err != nil {
		return outputError(err)
	}
	if n := int64(len(b)); o.current.entry.Kind == tree.Stream {
		o.r.track.Streamed(n, o.current.path())
	} else {
		o.r.track.Moved(n, n-int64(zeros), o.current.path())
	}
	return nil
}

// content handles a pack, a piece of a chunk, or the end of a file.
func (o *orderedRun) content(j *inJob) error {
	r := o.r
	if err := r.unfold(j); err != nil {
		return err
	}
	if j.pack != nil {
		defer r.pool.Put(j.pack)
		return o.unpack(*j.pack)
	}
	if j.data != nil {
		defer r.pool.Put(j.data)
	}
	e := j.entry
	if e == nil || !r.isOpen(e) {
		return nil // given up meanwhile
	}
	if err := o.open(e); err != nil {
		return err
	}
	if j.data == nil && j.zeros == 0 {
		return o.fileEnd(e)
	}
	piece := o.chunk[len(o.chunk):cap(o.chunk)]
	if j.data != nil {
		if j.from != len(o.chunk) || j.index*checksum.ChunkSize+uint64(j.from) != uint64(o.written) {
			return failure.Violation("a piece of entry %d out of order", e.entry.ID)
		}
		piece = piece[:copy(piece, *j.data)]
	} else {
		if len(o.chunk) != 0 || j.index*checksum.ChunkSize != uint64(o.written) {
			return failure.Violation("zeros in entry %d out of order", e.entry.ID)
		}
		piece = piece[:j.zeros]
		clear(piece)
	}
	o.chunk = o.chunk[:len(o.chunk)+len(piece)]
	if err := o.write(piece, j.zeros); err != nil {
		return err
	}
	if !j.last {
		return nil
	}
	node := checksum.NewNode(o.chunk, j.index)
	size := int64(len(o.chunk))
	o.chunk = o.chunk[:0]
	if e.packed {
		return o.verified(e, node.Root(), j.check, size)
	}
	if [32]byte(node.CV()) != j.check {
		return o.wrong(e)
	}
	if err := o.chunks.SetNode(j.index, node); err != nil {
		return failure.Violation("chunk %d of entry %d: %v", j.index, e.entry.ID, err)
	}
	return nil
}

func (o *orderedRun) unpack(body []byte) error {
	for p, err := range framing.ParsePack(body) {
		if err != nil {
			return failure.Malformed(err)
		}
		e, err := o.r.named(p.ID)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		if !e.packed || int64(len(p.Data)) != e.entry.Size {
			return failure.Violation("PACK with entry %d of %d bytes", p.ID, len(p.Data))
		}
		if err := o.open(e); err != nil {
			return err
		}
		if err := o.write(p.Data, 0); err != nil {
			return err
		}
		if err := o.verified(e, checksum.Sum(p.Data), p.Root, int64(len(p.Data))); err != nil {
			return err
		}
	}
	return nil
}

// fileEnd ends a file of several chunks, or a stream.
func (o *orderedRun) fileEnd(e *inEntry) error {
	e.mu.Lock()
	end := *e.end
	e.mu.Unlock()
	if uint64(o.written) != end.Size {
		return failure.Violation("entry %d ends with %d bytes, %d came", e.entry.ID, end.Size, o.written)
	}
	if e.entry.Kind == tree.Stream {
		if err := o.chunks.Finish(o.written); err != nil {
			return failure.Violation("the end of stream %d: %v", e.entry.ID, err)
		}
	}
	root := checksum.Sum(nil)
	if o.written > 0 {
		var err error
		if root, err = o.chunks.Root(); err != nil {
			return failure.Violation("the end of entry %d: %v", e.entry.ID, err)
		}
	}
	return o.verified(e, root, end.Root, o.written)
}

// verified settles the current file if both ends have one digest.
func (o *orderedRun) verified(e *inEntry, got checksum.Digest, want [32]byte, size int64) error {
	if got != checksum.Digest(want) {
		return o.wrong(e)
	}
	e.root, e.size, e.hashed = got, size, true
	o.close()
	if err := o.r.settle(e, transfer.StatusDelivered, ""); err != nil {
		return err
	}
	return o.advance()
}

func (o *orderedRun) wrong(e *inEntry) error {
	return o.fail(e, &transfer.Error{Code: framing.CodeDigest, Err: errors.New("what came is not what was sent, and was already written")})
}

// close ends the current file.
func (o *orderedRun) close() {
	o.current = nil
	o.waiting = o.waiting[1:]
}

// fail gives an entry up. Of one whose header is written the rest is zeros.
func (o *orderedRun) fail(e *inEntry, cause *transfer.Error) error {
	if o.current == e {
		if o.tar != nil {
			if err := o.pad(e.entry.Size - o.written); err != nil {
				return err
			}
			cause.Err = fmt.Errorf("%w; the archive has zeros from byte %d on", cause.Err, o.written)
		}
		o.close()
	} else {
		for i, w := range o.waiting {
			if w == e {
				o.waiting = append(o.waiting[:i:i], o.waiting[i+1:]...)
				break
			}
		}
	}
	if err := o.r.fail(e, "receiving", cause); err != nil {
		return err
	}
	return o.advance()
}

// pad writes n zeros, for as long as the delivery goes on.
func (o *orderedRun) pad(n int64) error {
	zeros := make([]byte, min(n, checksum.ChunkSize))
	for n > 0 {
		if o.ctx.Err() != nil {
			return context.Cause(o.ctx)
		}
		z := zeros[:min(n, int64(len(zeros)))]
		if _, err := o.tar.Write(z); err != nil {
			return outputError(err)
		}
		n -= int64(len(z))
	}
	return nil
}
