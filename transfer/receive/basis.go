package receive

import (
	"context"
	"iter"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// basis hashes what the receiver has already of files: the claims of a partial,
// an older file that will be replaced, a file that may be the same. The sender
// meanwhile sends what is missing.
func (r *receiver) basis(ctx context.Context) error {
	buf := make([]byte, checksum.ChunkSize)
	for {
		e, ok, err := r.bases.Take(ctx)
		if err != nil || !ok {
			return err
		}
		b := basisRun{r: r, e: e, buf: buf}
		e.mu.Lock()
		b.attempt, b.entry, b.partial = e.attempt, e.entry, e.partial
		compare, old := e.compare != nil, e.old
		fill := e.lent != nil && e.sealed
		e.mu.Unlock()
		switch {
		case fill:
			err = b.fill(ctx)
		case compare:
			err = b.compare(ctx)
		case old:
			err = b.copyOld(ctx)
		default:
			err = b.claim(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// basisRun is the work on one entry. If the entry gets a new attempt meanwhile,
// what is left of the run changes nothing.
type basisRun struct {
	r       *receiver
	e       *inEntry
	attempt uint8
	entry   *tree.Entry
	partial storage.Partial
	buf     []byte
}

// compare hashes the existing file; the sender hashes its own and answers with
// FILEEND.
func (b *basisRun) compare(ctx context.Context) error {
	b.r.track.Enter(transfer.PhaseComparing)
	root, err := b.hashExisting(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	if b.e.attempt != b.attempt || b.e.compare == nil {
		return nil
	}
	// A file that cannot be read is not the same; planning it again says more.
	b.e.compare.root, b.e.compare.done, b.e.compare.broken = root, true, err != nil
	b.r.completeIfDone(b.e)
	return nil
}

func (b *basisRun) hashExisting(ctx context.Context) (checksum.Digest, error) {
	probe := *b.entry
	b.e.mu.Lock()
	probe.Name = b.e.compare.name
	b.e.mu.Unlock()
	f, err := b.r.at.Finder.Open(&probe)
	if err != nil {
		return checksum.Digest{}, err
	}
	defer f.Close() // read only
	size := f.Info().Size
	t := checksum.NewTree(size)
	for i := range checksum.Chunks(size) {
		if ctx.Err() != nil {
			return checksum.Digest{}, context.Cause(ctx)
		}
		data, at := b.buf[:checksum.ChunkLen(size, i)], int64(i)*checksum.ChunkSize
		done := b.r.track.AtDisk()
		if f.Cover(at, int64(len(data))) == tree.AllHole {
			data = flow.Zeros[:len(data)]
		} else {
			_, err = f.ReadAt(data, at)
		}
		done()
		if err != nil {
			return checksum.Digest{}, err
		}
		b.r.track.Worked()
		if err := t.SetNode(i, checksum.NewNode(data, i)); err != nil {
			return checksum.Digest{}, err
		}
	}
	return t.Root()
}

// claim states what a partial claims to hold, all of it before anything is
// hashed, so that what is missing comes at once.
func (b *basisRun) claim(ctx context.Context) error {
	next, stop := iter.Pull2(b.partial.Present(ctx))
	defer stop()
	total := checksum.Chunks(b.entry.Size)
	index, cv, more := next()
	var unread []*claimPage
	for first := uint64(0); first < total; first += framing.MaxPage {
		p := newClaimPage(first, min(framing.MaxPage, total-first))
		for more && index < first+p.count {
			p.hold(index, cv)
			index, cv, more = next()
		}
		for !b.r.pages.Try(1) {
			// What makes room is that pages are done with, which takes their hashing.
			if len(unread) == 0 {
				if err := b.r.pages.Take(1); err != nil {
					return err
				}
				break
			}
			if err := b.verify(ctx, unread[0]); err != nil {
				return err
			}
			unread = unread[1:]
		}
		if ok, err := b.send(p); err != nil || !ok {
			return err
		}
		unread = append(unread, p)
	}
	for _, p := range unread {
		if err := b.verify(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// verify hashes the claims of a page against the bytes that are there.
func (b *basisRun) verify(ctx context.Context, p *claimPage) error {
	for i := range p.count {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		index := p.first + i
		data := b.buf[:checksum.ChunkLen(b.entry.Size, index)]
		b.e.io.RLock()
		b.e.mu.Lock()
		stale := b.e.attempt != b.attempt || b.e.partial == nil || !p.held.has(i) || b.e.chunks.Has(index)
		b.e.mu.Unlock()
		var n int
		var err error
		if !stale {
			done := b.r.track.AtDisk()
			n, err = b.partial.ReadChunk(index, data)
			done()
			b.r.track.Worked()
		}
		b.e.io.RUnlock()
		if stale {
			continue
		}
		good := err == nil && n == len(data) && checksum.Check(data, index, false) == p.cvs[i]
		if err := b.judge(p, i, good); err != nil {
			return err
		}
	}
	return nil
}

// judge notes whether a claim is what the bytes are. A wrong one is asked for
// like a missing chunk, but only once the sender has said that its own bytes are
// what was claimed: else the chunk comes without, and would come twice.
func (b *basisRun) judge(p *claimPage, i uint64, good bool) error {
	b.e.mu.Lock()
	if b.e.attempt != b.attempt || !p.held.has(i) {
		b.e.mu.Unlock()
		return nil
	}
	if good {
		p.good.set(i)
		err := b.r.fold(b.e, p, i)
		b.e.mu.Unlock()
		return err
	}
	p.bad.set(i)
	equal := p.equal.has(i)
	if equal {
		p.held.clear(i)
		b.r.dropPage(b.e, p)
	}
	b.e.mu.Unlock()
	if !equal {
		return nil // CHECKED decides
	}
	w := framing.Want{ID: b.entry.ID, Attempt: b.attempt, Kind: framing.WantAgain, First: p.first + i, Count: 1}
	return failure.Link("asking for a chunk", b.r.link.Stream(0).Send(true, framing.TypeWant, w.Append(nil)))
}

// page waits for room and sends a page. ok is false when the attempt is over.
func (b *basisRun) page(p *claimPage) (ok bool, err error) {
	if err := b.r.pages.Take(1); err != nil {
		return false, err
	}
	return b.send(p)
}

// send states a page whose room was taken.
func (b *basisRun) send(p *claimPage) (ok bool, err error) {
	w := framing.Want{ID: b.entry.ID, Attempt: b.attempt, Kind: framing.WantPage, First: p.first}
	for i := range p.count {
		if p.held.has(i) {
			w.AddChunk(p.cvs[i][:])
		} else {
			w.AddChunk(nil)
		}
	}
	w.Last = p.first+p.count == checksum.Chunks(b.entry.Size)
	b.e.mu.Lock()
	over := b.e.attempt != b.attempt || b.e.partial == nil
	if !over {
		b.e.pages[p.first] = p
	}
	b.e.mu.Unlock()
	if over {
		b.r.pages.Give(1)
		return false, nil
	}
	b.r.asking.Store(true)
	return true, failure.Link("asking for content", b.r.link.Stream(0).Send(true, framing.TypeWant, w.Append(nil)))
}

// onChecked takes the sender's answer to a page: which of its chunks are equal.
func (r *receiver) onChecked(e *inEntry, c framing.Checked) error {
	if e == nil {
		return nil // settled, and its pages with it
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.Attempt != e.attempt {
		return nil // of an attempt that is over, and its pages with it
	}
	p := e.pages[c.First]
	if p == nil || p.answered || c.Count != p.count {
		return failure.Violation("CHECKED for chunk %d of entry %d", c.First, c.ID)
	}
	p.answered = true
	for i := range p.count {
		if !c.Same(i) {
			p.held.clear(i) // it comes, or came, as DATA
			if l := e.lent; l != nil && !l.differs {
				l.differs = true
				r.plans.Put(planItem{in: e, room: true})
			}
			continue
		}
		p.equal.set(i)
		if p.bad.has(i) {
			p.held.clear(i)
			r.plans.Put(planItem{in: e, again: &framing.Want{ID: e.id, Attempt: e.attempt, Kind: framing.WantAgain, First: p.first + i, Count: 1}})
			continue
		}
		if err := r.fold(e, p, i); err != nil {
			return err
		}
	}
	r.dropPage(e, p)
	return nil
}

// fold counts a claim as a verified chunk once both sides say that it is: the
// bytes here have its CV, and the sender's bytes have it too. Callers hold e.mu.
func (r *receiver) fold(e *inEntry, p *claimPage, i uint64) error {
	index := p.first + i
	if !p.good.has(i) || !p.equal.has(i) || e.chunks.Has(index) {
		r.dropPage(e, p)
		return nil
	}
	if err := e.chunks.Set(index, p.cvs[i]); err != nil {
		return err
	}
	p.held.clear(i)
	n := int64(checksum.ChunkLen(e.entry.Size, index))
	paid := min(n, e.owes)
	e.owes -= paid
	r.due.Add(-paid)
	r.track.Reused(n, e.path())
	r.completeIfDone(e)
	r.dropPage(e, p)
	return nil
}

// dropPage lets go of a page that was answered and of which no claim is open.
// Callers hold e.mu.
func (r *receiver) dropPage(e *inEntry, p *claimPage) {
	if p.answered && p.held.empty() && e.pages[p.first] == p {
		delete(e.pages, p.first)
		r.pages.Give(1)
	}
}

// completeIfDone hands an entry whose content is all there to the workers.
// Callers hold e.mu.
func (r *receiver) completeIfDone(e *inEntry) {
	if e.sealed || e.end == nil {
		return
	}
	if e.compare != nil {
		if e.compare.done {
			r.jobs.Put(&inJob{entry: e, attempt: e.attempt})
		}
		return
	}
	if e.partial == nil && !e.packed {
		return
	}
	if e.kind == tree.Stream && e.got < checksum.Chunks(int64(e.end.Size)) || e.kind == tree.File && !e.chunks.Complete() {
		return
	}
	e.sealed = true
	r.jobs.Put(&inJob{entry: e, attempt: e.attempt})
}
