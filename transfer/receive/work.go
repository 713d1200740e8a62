package receive

import (
	"context"
	"errors"

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

// worker verifies and writes what came. There are as many goroutines of it as processors.
type worker struct {
	queues   *queues
	ledger   *ledger
	settle   *settler
	site     *site
	requests *requests
	credit   *window
	pace     *pace
	pool     *flow.Pool
	decoder  *compress.Decoder // nil: compression was not agreed on
	track    *progress.Tracker
}

// job is something for a worker, or for the goroutine in its place. What comes is bounded
// by credit, sealing by the entries in flight.
type job interface{ job() }

type (
	// chunk is content of an entry that came.
	chunk struct{ *parcel.Chunk }
	// pack is small files that came together.
	pack struct{ *parcel.Pack }
	// sealing: all that was asked for is here, see seal.go.
	sealing struct{ a *attempt }
	// spent is credit for what nobody wanted.
	spent int64
)

func (chunk) job()   {}
func (pack) job()    {}
func (sealing) job() {}
func (spent) job()   {}

// run works until all entries are settled.
func (w *worker) run(ctx context.Context) error {
	var hash checksum.Group
	for {
		j, ok, err := w.queues.jobs.Take(ctx)
		if err != nil || !ok {
			return err
		}
		done := w.track.AtDisk()
		switch j := j.(type) {
		case chunk:
			err = w.chunk(j.Chunk)
		case pack:
			err = w.pack(j.Pack, &hash)
		case sealing:
			err = w.seal(j.a)
		}
		done()
		if err == nil {
			err = dealt(j, w.credit)
		}
		if err != nil {
			return err
		}
	}
}

// dealt lets go of a job that was dealt with: its bytes, and the credit that they had.
func dealt(j job, credit *window) error {
	switch j := j.(type) {
	case chunk:
		j.Owner.Free()
	case pack:
		j.Owner.Free()
	case spent:
		return credit.dealt(int64(j))
	}
	return nil
}

// plainChunk is the content of a chunk, not compressed. The caller puts buf back into the
// pool, if there is one.
func plainChunk(c *parcel.Chunk, d *compress.Decoder, pool *flow.Pool) (content []byte, buf *[]byte, err error) {
	switch c.Encoding {
	case framing.EncodingZeros:
		return flow.Zeros[:c.Size], nil, nil
	case framing.EncodingZstd:
		return unfold(c.Data, c.Size, d, pool)
	}
	return c.Data, nil, nil
}

// plainPack is plainChunk for a pack.
func plainPack(p *parcel.Pack, d *compress.Decoder, pool *flow.Pool) (body []byte, buf *[]byte, err error) {
	if p.Encoding != framing.EncodingZstd {
		return p.Data, nil, nil
	}
	size, err := framing.ParsePackZ(p.Data)
	if err != nil {
		return nil, nil, failure.Malformed(err)
	}
	return unfold(p.Data, size, d, pool)
}

func unfold(frame []byte, size int, d *compress.Decoder, pool *flow.Pool) ([]byte, *[]byte, error) {
	buf, err := d.Unfold(pool, frame, size)
	if err != nil {
		return nil, nil, failure.Violation("%v", err)
	}
	return *buf, buf, nil
}

// chunk verifies a chunk and writes it to its place.
func (w *worker) chunk(c *parcel.Chunk) error {
	a, err := w.ledger.expect(c.Entry, c.Attempt)
	if a == nil || err != nil {
		return err
	}
	if c.Encoding == framing.EncodingCopies {
		return w.patch(a, c)
	}
	data, buf, err := plainChunk(c, w.decoder, w.pool)
	if err != nil {
		return err
	}
	if buf != nil {
		defer w.pool.Put(buf)
	}
	index := c.Offset / checksum.ChunkSize
	node := nodeOf(c, data, index)
	if a.form == lone {
		return w.onlyChunk(a, c, data, node.Root())
	}
	stale, err := w.write(a, c, data, node)
	switch {
	case err != nil:
		return w.settle.failAttempt(a, "writing", err)
	case stale:
		return nil
	case node.CV() != checksum.CV(c.Check):
		return w.again(a, index)
	}
	room := c.Size
	if c.Encoding == framing.EncodingZeros {
		room = 0
	}
	return w.took(a, c, node, room)
}

// took notes a chunk that is in its place, of which room bytes took space, and counts it.
func (w *worker) took(a *attempt, c *parcel.Chunk, node checksum.Node, room int) error {
	first, err := w.note(a, c.Offset/checksum.ChunkSize, node, room)
	if err == nil && first {
		w.moved(a, int64(c.Size), int64(room))
	}
	return err
}

// note notes a chunk that is written, of which n bytes took room, and sees to what follows. It
// reports false if the chunk came before.
func (w *worker) note(a *attempt, index uint64, node checksum.Node, n int) (first bool, err error) {
	wrote, err := w.ledger.wrote(a, index, node, n, w.pace.heard())
	if err != nil || !wrote.first {
		return false, err
	}
	w.settle.room.give(wrote.paid)
	if wrote.asks {
		w.queues.plans.Put(asking{a})
	}
	if wrote.whole {
		w.queues.jobs.Put(sealing{a})
	}
	return true, nil
}

// write writes a chunk that is wanted, and has the check value that the sender says. It
// is stale if it is of an attempt that is over, or came before.
func (w *worker) write(a *attempt, c *parcel.Chunk, data []byte, node checksum.Node) (stale bool, err error) {
	partial := a.part.hold()
	if partial == nil {
		return true, nil
	}
	defer a.part.let()
	index, cv := c.Offset/checksum.ChunkSize, node.CV()
	switch {
	case !w.ledger.wants(a, index):
		return true, nil
	case cv != checksum.CV(c.Check):
		return false, nil
	case c.Encoding == framing.EncodingZeros:
		return false, partial.WriteHole(index, len(data), cv)
	}
	return false, partial.WriteChunk(index, data, cv)
}

// onlyChunk takes the only chunk of a small file.
func (w *worker) onlyChunk(a *attempt, c *parcel.Chunk, data []byte, root checksum.Digest) error {
	if !w.ledger.wants(a, 0) {
		return nil
	}
	if root != checksum.Digest(c.Check) {
		return w.again(a, 0)
	}
	if !w.ledger.sealSmall(a, sum{true, root, int64(len(data))}) {
		return nil
	}
	w.settle.room.give(w.ledger.paid(a, int64(len(data))))
	sent := int64(len(data))
	if c.Encoding == framing.EncodingZeros {
		sent = 0
	}
	w.moved(a, int64(len(data)), sent)
	return w.small(a, data)
}

// pack verifies the small files of a pack together and writes them.
func (w *worker) pack(p *parcel.Pack, hash *checksum.Group) error {
	body, buf, err := plainPack(p, w.decoder, w.pool)
	if err != nil {
		return err
	}
	if buf != nil {
		defer w.pool.Put(buf)
	}
	var packed []framing.Packed
	var attempts []*attempt
	var contents [][]byte
	for f, err := range framing.ParsePack(body) {
		if err != nil {
			return failure.Malformed(err)
		}
		a, err := w.ledger.expectPacked(f.ID, len(f.Data))
		if err != nil {
			return err
		}
		if a != nil {
			packed, attempts, contents = append(packed, f), append(attempts, a), append(contents, f.Data)
		}
	}
	roots := make([]checksum.Digest, len(contents))
	hash.Sums(roots, contents)
	files := make([]verified, 0, len(attempts))
	for i, a := range attempts {
		if roots[i] != packed[i].Root {
			if err := w.again(a, 0); err != nil {
				return err
			}
			continue
		}
		files = append(files, verified{a, contents[i], roots[i]})
	}
	return w.smalls(files)
}

// verified is a small file whose digest is right.
type verified struct {
	a    *attempt
	data []byte
	root checksum.Digest
}

// smalls writes small files that came together.
func (w *worker) smalls(files []verified) error {
	var moved int64
	var last *attempt
	ready := make([]*attempt, 0, len(files))
	for _, f := range files {
		n := int64(len(f.data))
		if !w.ledger.sealSmall(f.a, sum{true, f.root, n}) {
			continue // it came twice
		}
		moved, last = moved+n, f.a
		w.settle.room.give(w.ledger.paid(f.a, n))
		if !w.settle.temps.Try(1) {
			// What makes room is that others get their names, and these may be among them.
			if err := w.hand(ready); err != nil {
				return err
			}
			ready = ready[:0]
			if err := w.settle.temps.Take(1); err != nil {
				return err
			}
		}
		written, err := w.writeSmall(f.a, f.data)
		if err != nil {
			return err
		}
		if written {
			ready = append(ready, f.a)
		}
	}
	if err := w.hand(ready); err != nil {
		return err
	}
	if last != nil {
		w.moved(last, moved, moved)
	}
	return nil
}

// small writes the verified content of a small file and hands it to the publisher.
func (w *worker) small(a *attempt, data []byte) error {
	if err := w.settle.temps.Take(1); err != nil {
		return err
	}
	written, err := w.writeSmall(a, data)
	if err != nil || !written {
		return err
	}
	return w.hand([]*attempt{a})
}

// writeSmall writes the verified content of a small file, for which one of temps was taken.
// False: the entry is settled.
func (w *worker) writeSmall(a *attempt, data []byte) (written bool, err error) {
	if !w.ledger.keep(a.of, holdings{temp: true}) {
		w.settle.temps.Give(1)
		return false, nil
	}
	p, err := w.site.Files.Begin(a.item, a.of.holes > 0)
	if err != nil {
		return false, w.settle.failAttempt(a, "beginning", err)
	}
	a.part.begin(p)
	if err := p.WriteChunk(0, data, checksum.CV{}); err != nil {
		return false, w.settle.failAttempt(a, "writing", err)
	}
	if err := p.Seal(a.item, a.sum.size, a.sum.root); err != nil {
		return false, w.settle.failAttempt(a, "completing", err)
	}
	return true, nil
}

// hand gives complete files to the publisher, which keeps none of the slice.
func (w *worker) hand(files []*attempt) error {
	ready := files[:0]
	for _, a := range files {
		if w.ledger.hand(a) {
			ready = append(ready, a)
		} else if err := a.part.end(true); err != nil { // it was settled meanwhile
			return err
		}
	}
	w.queues.ready.Put(ready...)
	return nil
}

// moved counts n bytes of content that came, of which sent bytes crossed the network: zeros
// come as a number only.
func (w *worker) moved(a *attempt, n, sent int64) {
	if a.of.kind == tree.Stream {
		w.track.Streamed(n, a.of.path())
	} else {
		w.track.Moved(n, sent, a.of.path())
	}
}

// again asks once more for a chunk whose digest differed, a few times.
func (w *worker) again(a *attempt, index uint64) error {
	again, spoiled := w.ledger.retry(a, index)
	switch {
	case spoiled:
		return w.settle.failAttempt(a, "verifying", &transfer.Error{Code: framing.CodeDigest, Err: errors.New("what came is not what was sent; run the same command again")})
	case again:
		return w.requests.now(a.wantAgain(index))
	}
	return nil
}
