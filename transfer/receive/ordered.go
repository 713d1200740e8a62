package receive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/compress"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/parcel"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// ordered writes a delivery to one output, in the order of the walk: raw, or
// as a tar archive. One goroutine does everything behind the readers; the
// sender was told to keep to the order, so nothing is stored in between. Bytes
// leave as they come; a chunk that turns out wrong ends in an error after it.
type ordered struct {
	plans    *flow.Queue[message]
	jobs     *flow.Queue[job]
	ledger   *ledger
	settle   *settler
	gate     *gate
	requests *requests
	credit   *window
	pool     *flow.Pool
	decoder  *compress.Decoder // nil: compression was not agreed on
	track    *progress.Tracker
	archive  *archive
	letter   *letter // which the archive writes to; nil: none

	waiting []*entry // announced, and neither written nor failed; in order
	current *attempt // of the file whose content is being written, waiting[0]; nil: none
	written int64    // bytes of current
	chunk   []byte   // of current, for hashing; it has room for a whole chunk
	chunks  *checksum.Tree
}

// run handles messages and content until all entries are settled, and ends the archive.
func (o *ordered) run(ctx context.Context) error {
	o.chunk = make([]byte, 0, checksum.ChunkSize)
	for {
		if m, ok, _ := o.plans.Try(); ok {
			if err := o.handle(ctx, m); err != nil {
				return err
			}
			continue
		}
		if j, ok, _ := o.jobs.Try(); ok {
			err := o.content(ctx, j)
			if err == nil {
				err = dealt(j, o.credit)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := o.requests.flush(); err != nil {
			return err
		}
		if err := o.settle.verdicts.flush(); err != nil {
			return err
		}
		select {
		case <-o.plans.Woken():
		case <-o.jobs.Woken():
		case <-o.ledger.complete:
			if err := o.advance(); err != nil {
				return err
			}
			return o.archive.close()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// handle handles an announcement, or what the sender says of an entry.
func (o *ordered) handle(ctx context.Context, m message) error {
	switch m := m.(type) {
	case arrival:
		return o.arrive(m.e)
	case folderEnd:
		f, idle, err := o.ledger.endFolder(uint64(m))
		if err != nil || !idle {
			return err
		}
		return o.settle.finishFolder(f)
	case changed:
		return o.fail(ctx, m.e, &transfer.Error{Code: framing.CodeChanged, Err: errors.New("it changed while it was read, and what was written cannot be taken back")})
	case givenUp:
		return o.fail(ctx, m.e, failure.Remote("receiving", m.why.Code, m.why.Message))
	}
	return nil
}

// arrive lets an announced entry in, and asks for its content if it has some.
func (o *ordered) arrive(e *entry) error {
	refusal, err := o.gate.admit(e)
	switch {
	case err != nil:
		return err
	case refusal != nil:
		return o.settle.refuse(e, refusal)
	}
	o.ledger.plan(e)
	t := e.item
	switch {
	case t.Kind == tree.Root:
		o.ledger.openFolder(newFolder(e, true, false))
		return nil
	case o.archive.raw() && t.Kind != tree.File && t.Kind != tree.Stream:
		return failure.Violation("entry %d is a %v, offered was one file", t.ID, t.Kind)
	case !o.archive.raw() && t.Kind == tree.Stream:
		return o.settle.fail(e, "receiving", &transfer.Error{Code: framing.CodeUnsupported, Err: errors.New("a stream of unknown length cannot go into an archive; send it alone")})
	case t.Kind == tree.Symlink:
		skip, refusal := o.gate.symlink(e)
		switch {
		case skip:
			return o.settle.done(e, skipped(framing.CodeLink))
		case refusal != nil:
			return o.settle.fail(e, "receiving", refusal)
		}
	case t.Kind == tree.Folder:
		o.ledger.openFolder(newFolder(e, false, false))
	case t.Kind == tree.Socket:
		return o.settle.fail(e, "receiving", &transfer.Error{Code: framing.CodeUnsupported, Err: errors.New("an archive has no sockets")})
	case t.Kind == tree.File || t.Kind == tree.Stream:
		if err := o.ask(e); err != nil {
			return err
		}
	}
	o.waiting = append(o.waiting, e)
	return o.advance()
}

func (o *ordered) ask(e *entry) error {
	a := &attempt{of: e, item: e.item, form: passing}
	if e.kind == tree.File && e.item.Size <= checksum.ChunkSize {
		a.form = lone
	}
	o.ledger.ask(a)
	o.track.Enter(transfer.PhaseTransfer)
	return o.requests.add(a.want(framing.WantAll))
}

// advance writes what needs no content and stands before the next file.
func (o *ordered) advance() error {
	for len(o.waiting) > 0 && o.current == nil {
		e := o.waiting[0]
		if e.kind == tree.File || e.kind == tree.Stream {
			return nil
		}
		o.waiting = o.waiting[1:]
		if err := o.put(e); err != nil {
			return err
		}
	}
	return nil
}

// put writes an entry that has no content, and settles it, unless it is a folder.
func (o *ordered) put(e *entry) error {
	if e.kind == tree.HardLink {
		skip, refusal := o.gate.hardLink(e)
		switch {
		case skip != framing.CodeNone:
			return o.settle.done(e, skipped(skip))
		case refusal != nil:
			return o.settle.fail(e, "linking", refusal)
		}
	}
	if err := o.header(e); err != nil || e.kind == tree.Folder {
		return err
	}
	return o.settle.done(e, outcome{status: transfer.StatusDelivered})
}

// header begins an entry in the archive.
func (o *ordered) header(e *entry) error {
	lost, err := o.archive.header(e)
	o.settle.lost(e, lost)
	return err
}

// open begins the content of an attempt, whose entry must be next.
func (o *ordered) open(a *attempt) error {
	if o.current == a {
		return nil
	}
	if o.current != nil || len(o.waiting) == 0 || o.waiting[0] != a.of {
		return failure.Violation("content of entry %d out of order", a.of.id)
	}
	o.current, o.written, o.chunks, o.chunk = a, 0, checksum.NewTree(a.item.Size), o.chunk[:0]
	if a.item.Size > flow.PackLimit || a.item.Size < 0 {
		o.track.Tell(transfer.ItemStarted{Path: a.of.path(), Size: a.item.Size})
	}
	return o.header(a.of)
}

// content handles a pack, a piece of a chunk, or the end of a file.
func (o *ordered) content(ctx context.Context, j job) error {
	switch j := j.(type) {
	case chunk:
		return o.piece(ctx, j.Chunk)
	case pack:
		return o.pack(ctx, j.Pack)
	case sealing:
		return o.fileEnd(ctx, j.a)
	}
	return nil
}

// piece writes a piece of a chunk, or all of it.
func (o *ordered) piece(ctx context.Context, c *parcel.Chunk) error {
	a, err := o.ledger.expect(c.Entry, c.Attempt)
	if a == nil || err != nil {
		return err // given up meanwhile
	}
	data, buf, err := plainChunk(c, o.decoder, o.pool)
	if err != nil {
		return err
	}
	if buf != nil {
		defer o.pool.Put(buf)
	}
	if err := o.open(a); err != nil {
		return err
	}
	if c.Offset != uint64(o.written) || c.Offset%checksum.ChunkSize != uint64(len(o.chunk)) {
		return failure.Violation("a piece of entry %d out of order", a.of.id)
	}
	sent := len(data)
	if c.Encoding == framing.EncodingZeros {
		sent = 0
	}
	o.chunk = append(o.chunk, data...)
	if err := o.write(data, sent); err != nil || !c.Last {
		return err
	}
	index := c.Offset / checksum.ChunkSize
	node := checksum.NewNode(o.chunk, index)
	size := int64(len(o.chunk))
	o.chunk = o.chunk[:0]
	switch {
	case a.form == lone:
		return o.verified(ctx, node.Root(), c.Check, size)
	case [32]byte(node.CV()) != c.Check:
		return o.wrong(ctx, a.of)
	}
	if err := o.chunks.SetNode(index, node); err != nil {
		return failure.Violation("chunk %d of entry %d: %v", index, a.of.id, err)
	}
	return nil
}

// write writes a part of the current file, of which so many bytes crossed the network.
func (o *ordered) write(b []byte, sent int) error {
	if len(b) == 0 {
		return nil
	}
	n, err := o.archive.write(b)
	o.written += int64(n)
	if err != nil {
		return err
	}
	e := o.current.of
	if e.kind == tree.Stream {
		o.track.Streamed(int64(len(b)), e.path())
	} else {
		o.track.Moved(int64(len(b)), int64(sent), e.path())
	}
	return nil
}

// pack writes the small files of a pack.
func (o *ordered) pack(ctx context.Context, p *parcel.Pack) error {
	body, buf, err := plainPack(p, o.decoder, o.pool)
	if err != nil {
		return err
	}
	if buf != nil {
		defer o.pool.Put(buf)
	}
	for f, err := range framing.ParsePack(body) {
		if err != nil {
			return failure.Malformed(err)
		}
		a, err := o.ledger.expectPacked(f.ID, len(f.Data))
		if err != nil {
			return err
		}
		if a == nil {
			continue
		}
		if err := o.open(a); err != nil {
			return err
		}
		if err := o.write(f.Data, len(f.Data)); err != nil {
			return err
		}
		if err := o.verified(ctx, checksum.Sum(f.Data), f.Root, int64(len(f.Data))); err != nil {
			return err
		}
	}
	return nil
}

// fileEnd ends a file of several chunks, an empty one, or a stream.
func (o *ordered) fileEnd(ctx context.Context, a *attempt) error {
	if !o.ledger.isOpen(a.of) {
		return nil
	}
	if err := o.open(a); err != nil {
		return err
	}
	if uint64(o.written) != a.end.Size {
		return failure.Violation("entry %d ends with %d bytes, %d came", a.of.id, a.end.Size, o.written)
	}
	if a.of.kind == tree.Stream {
		if err := o.chunks.Finish(o.written); err != nil {
			return failure.Violation("the end of stream %d: %v", a.of.id, err)
		}
	}
	root := checksum.Sum(nil)
	if o.written > 0 {
		var err error
		if root, err = o.chunks.Root(); err != nil {
			return failure.Violation("the end of entry %d: %v", a.of.id, err)
		}
	}
	return o.verified(ctx, root, a.end.Root, o.written)
}

// verified settles the current file if both ends have one digest.
func (o *ordered) verified(ctx context.Context, got checksum.Digest, want [32]byte, size int64) error {
	a := o.current
	if got != checksum.Digest(want) {
		return o.wrong(ctx, a.of)
	}
	if o.letter != nil {
		was := o.track.Be(framing.StateSource)
		err := o.letter.hand()
		if o.track.Be(was); err != nil {
			return err
		}
	}
	o.ledger.verified(a, sum{true, got, size})
	o.close()
	if err := o.settle.done(a.of, outcome{status: transfer.StatusDelivered}); err != nil {
		return err
	}
	return o.advance()
}

func (o *ordered) wrong(ctx context.Context, e *entry) error {
	return o.fail(ctx, e, &transfer.Error{Code: framing.CodeDigest, Err: errors.New("what came is not what was sent, and was already written")})
}

// close ends the current file.
func (o *ordered) close() {
	o.current = nil
	o.waiting = o.waiting[1:]
}

// fail gives an entry up. Of one whose header is written the rest is zeros.
func (o *ordered) fail(ctx context.Context, e *entry, cause *transfer.Error) error {
	if o.current != nil && o.current.of == e {
		if !o.archive.raw() {
			if err := o.archive.pad(ctx, e.item.Size-o.written); err != nil {
				return err
			}
			cause.Err = fmt.Errorf("%w; the archive has zeros from byte %d on", cause.Err, o.written)
		}
		o.close()
	} else if i := slices.Index(o.waiting, e); i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
	}
	if err := o.settle.fail(e, "receiving", cause); err != nil {
		return err
	}
	return o.advance()
}
