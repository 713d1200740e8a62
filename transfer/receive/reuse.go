package receive

import (
	"context"
	"iter"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// reuse hashes what this side has already of files: the claims of a Partial, an older
// file that will be replaced, a file that may be the same. The sender meanwhile sends
// what is missing. Three goroutines run it. One of them only lists: nothing comes of a file
// meanwhile, so it must not wait until others are hashed.
type reuse struct {
	jobs     *flow.Queue[job]
	plans    *flow.Queue[message]
	ledger   *ledger
	settle   *settler
	site     *site
	requests *requests
	pace     *pace
	track    *progress.Tracker
}

// old is content to be hashed for an attempt.
type old struct {
	a    *attempt
	what oldKind
}

type oldKind uint8

const (
	oldCompared oldKind = iota // of a file that may be the same
	oldClaimed                 // what an interrupted delivery left
	oldReplaced                // that, and of the file to be replaced
	oldLent                    // of that, what was only lent and is needed after all
	oldListed                  // of that, the pieces, since something may have moved
)

// run hashes what is in a queue, until all entries are settled.
func (u *reuse) run(ctx context.Context, olds *flow.Queue[old]) error {
	var buf []byte // made when there is something to hash: most deliveries have nothing
	for {
		o, ok, err := olds.Take(ctx)
		if err != nil || !ok {
			return err
		}
		if buf == nil {
			buf = make([]byte, checksum.ChunkSize)
		}
		r := reuseRun{reuse: u, a: o.a, buf: buf}
		switch o.what {
		case oldCompared:
			err = r.compare(ctx)
		case oldClaimed:
			err = r.claim(ctx)
		case oldReplaced:
			err = r.replaced(ctx)
		case oldLent:
			err = r.fill(ctx)
		case oldListed:
			err = r.list(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// gained sees to what follows from an answer to claims. It waits for nothing, so that a
// reader may call it.
func (u *reuse) gained(a *attempt, g gain) {
	if g.reused > 0 {
		u.track.Reused(g.reused, a.of.path())
	}
	u.track.Kept(-g.refuted)
	u.settle.room.give(g.paid)
	if g.pages > 0 {
		u.settle.pages.Give(int64(g.pages))
	}
	if g.differs {
		u.plans.Put(unequal{a})
	}
	if g.asks {
		u.plans.Put(asking{a})
	}
	for _, index := range g.again {
		u.plans.Put(lacking{a, index})
	}
	if g.whole {
		u.jobs.Put(sealing{a})
	}
}

// reuseRun is the work for one attempt. If that is over meanwhile, what is left of the run
// changes nothing.
type reuseRun struct {
	*reuse
	a   *attempt
	buf []byte // one chunk
}

// compare hashes the existing file; the sender hashes its own and answers with
// FILEEND.
func (r reuseRun) compare(ctx context.Context) error {
	r.track.Enter(transfer.PhaseComparing)
	root, err := r.hashExisting(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// A file that cannot be read is not the same; planning it again says more.
	if r.ledger.compared(r.a, root, err != nil) {
		r.jobs.Put(sealing{r.a})
	}
	return nil
}

func (r reuseRun) hashExisting(ctx context.Context) (checksum.Digest, error) {
	f, err := r.site.openCompared(r.a)
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
		data, err := r.read(f, i, checksum.ChunkLen(size, i))
		if err != nil {
			return checksum.Digest{}, err
		}
		if err := t.SetNode(i, checksum.NewNode(data, i)); err != nil {
			return checksum.Digest{}, err
		}
		if n := int64(len(data)); r.ledger.compares(r.a, n) {
			r.track.Kept(n)
		}
	}
	return t.Root()
}

// read reads n bytes, chunk index, of a file. What it returns is the run's buffer, or
// zeros that were not read.
func (r reuseRun) read(f storage.File, index uint64, n int) ([]byte, error) {
	defer r.track.AtDisk()()
	r.track.Worked()
	at := int64(index) * checksum.ChunkSize
	if f.Cover(at, int64(n)) == tree.AllHole {
		return flow.Zeros[:n], nil
	}
	_, err := f.ReadAt(r.buf[:n], at)
	return r.buf[:n], err
}

// claim states what a Partial claims to hold, all of it before anything is
// hashed, so that what is missing comes at once.
func (r reuseRun) claim(ctx context.Context) error {
	claims := r.claims(ctx)
	if claims == nil {
		return nil
	}
	defer claims.stop()
	total := checksum.Chunks(r.a.item.Size)
	var unread []*claimPage
	for first := uint64(0); first < total; first += framing.MaxPage {
		p := newClaimPage(first, min(framing.MaxPage, total-first))
		for i := range p.count {
			if cv, ok := claims.at(first + i); ok {
				p.hold(first+i, cv)
			}
		}
		for !r.settle.pages.Try(1) {
			// What makes room is that pages are done with, which takes their hashing.
			if len(unread) == 0 {
				if err := r.settle.pages.Take(1); err != nil {
					return err
				}
				break
			}
			if err := r.verify(ctx, unread[0]); err != nil {
				return err
			}
			unread = unread[1:]
		}
		if ok, err := r.state(p); err != nil || !ok {
			return err
		}
		unread = append(unread, p)
	}
	for _, p := range unread {
		if err := r.verify(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// verify hashes the claims of a page against the bytes that are there.
func (r reuseRun) verify(ctx context.Context, p *claimPage) error {
	for i := range p.count {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		good, claimed := r.hash(p, i)
		if !claimed {
			continue
		}
		g, err := r.ledger.judge(r.a, p, i, good)
		if err != nil {
			return err
		}
		r.gained(r.a, g)
	}
	return nil
}

// hash tells whether the bytes of claim i of a page are what was claimed; claimed is
// false if nobody needs to know any more.
func (r reuseRun) hash(p *claimPage, i uint64) (good, claimed bool) {
	partial := r.a.part.hold()
	if partial == nil {
		return false, false
	}
	defer r.a.part.let()
	if !r.ledger.claims(r.a, p, i) {
		return false, false
	}
	defer r.track.AtDisk()()
	r.track.Worked()
	index := p.first + i
	if vouched(partial, index) {
		return true, true
	}
	data := r.buf[:r.a.chunkLen(index)]
	n, err := partial.ReadChunk(index, data)
	return err == nil && n == len(data) && checksum.Check(data, index, false) == p.cvs[i], true
}

// vouched tells whether the place itself vouches for what it claims of a chunk.
func vouched(p storage.Partial, index uint64) bool {
	v, ok := p.(storage.Voucher)
	return ok && v.Vouches(index)
}

// page waits for room and states a page. ok is false when the attempt is over.
func (r reuseRun) page(p *claimPage) (ok bool, err error) {
	if err := r.settle.pages.Take(1); err != nil {
		return false, err
	}
	return r.state(p)
}

// state states a page whose room was taken.
func (r reuseRun) state(p *claimPage) (ok bool, err error) {
	kind := framing.WantPage
	if p.waits = r.pace.looks() && r.ledger.holds(r.a); p.waits {
		kind = framing.WantHold
	}
	w := r.a.want(kind)
	w.First = p.first
	for i := range p.count {
		if p.held.has(i) {
			w.AddChunk(p.cvs[i][:])
		} else {
			w.AddChunk(nil)
		}
	}
	w.Last = p.first+p.count == checksum.Chunks(r.a.item.Size)
	kept := r.a.count(p)
	if !r.ledger.stated(r.a, p) {
		r.settle.pages.Give(1)
		return false, nil
	}
	r.track.Kept(kept)
	return true, r.requests.now(w)
}

// claims reads, in order, what an interrupted delivery left in a Partial.
type claims struct {
	next  func() (uint64, checksum.CV, bool)
	stop  func()
	index uint64
	cv    checksum.CV
	more  bool
}

// claims begins to read the claims of the run's attempt. It returns nil if the attempt is
// over. If it ends later, what is still read changes nothing.
func (r reuseRun) claims(ctx context.Context) *claims {
	p := r.a.part.hold()
	if p == nil {
		return nil
	}
	defer r.a.part.let()
	c := new(claims)
	c.next, c.stop = iter.Pull2(p.Present(ctx))
	c.index, c.cv, c.more = c.next()
	return c
}

// end is how far claims may reach in a file of total chunks: all of it, if there are
// any.
func (c *claims) end(total uint64) uint64 {
	if c.more {
		return total
	}
	return 0
}

// at returns the claim of chunk index. Calls come in ascending order.
func (c *claims) at(index uint64) (checksum.CV, bool) {
	for c.more && c.index < index {
		c.index, c.cv, c.more = c.next()
	}
	return c.cv, c.more && c.index == index
}
