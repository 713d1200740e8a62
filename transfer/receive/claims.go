package receive

import (
	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/storage"
)

// basis is what is here already of the content of an attempt: what an interrupted
// delivery left, or the file that will be replaced. It is stated to the sender in pages;
// a claim counts once both sides have found the bytes to have the chaining value: this
// one by hashing them, the sender by comparing. Guarded by ledger.mu, but for replaces and
// for whether there is a lacks.
type basis struct {
	replaces bool                  // an older file will be replaced: chunks are taken from it
	pages    map[uint64]*claimPage // that were stated and are not done with, by first chunk
	former   *storage.Former       // chunks are taken from it: a file under another name. Set once
	lent     *lent                 // of the older file, if it may be the same; else nil
	lacks    *lacks                // what differs, if it may be put together from the older file; set once
}

// bitmap is one bit for each chunk of a page.
type bitmap [(framing.MaxPage + 63) / 64]uint64

func (b *bitmap) has(i uint64) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b *bitmap) set(i uint64)      { b[i/64] |= 1 << (i % 64) }
func (b *bitmap) clear(i uint64)    { b[i/64] &^= 1 << (i % 64) }
func (b *bitmap) empty() bool       { return *b == bitmap{} }

// claimPage is what was said of up to framing.MaxPage chunks. Until it is stated it is
// its maker's, and then guarded by ledger.mu.
type claimPage struct {
	first, count uint64
	cvs          []checksum.CV
	held         bitmap // claimed, and neither counted nor refuted yet
	good         bitmap // hashed by this process: the bytes have the CV
	bad          bitmap // hashed by this process: they do not
	equal        bitmap // the sender's bytes have it too
	answered     bool   // CHECKED came
	waits        bool   // what differs comes only when it is asked for
	kept         int64  // bytes of what is held; counted when the page is about to be stated
}

func newClaimPage(first, count uint64) *claimPage {
	return &claimPage{first: first, count: count, cvs: make([]checksum.CV, count)}
}

func (p *claimPage) hold(index uint64, cv checksum.CV) {
	p.cvs[index-p.first] = cv
	p.held.set(index - p.first)
}

// claimed is the length of claim i of a page, in bytes.
func (a *attempt) claimed(p *claimPage, i uint64) int64 {
	return int64(checksum.ChunkLen(a.item.Size, p.first+i))
}

// count counts the claims of a page that is still its maker's, in bytes.
func (a *attempt) count(p *claimPage) (n int64) {
	for i := range p.count {
		if p.held.has(i) {
			n += a.claimed(p, i)
		}
	}
	p.kept = n
	return n
}

// refute takes back a claim. Callers hold ledger.mu.
func (a *attempt) refute(p *claimPage, i uint64, g *gain) {
	if p.held.has(i) {
		p.held.clear(i)
		n := a.claimed(p, i)
		p.kept -= n
		g.refuted += n
	}
}

// gain is what follows from an answer about claims. The goroutine that gets one hands it to
// reuse.gained.
type gain struct {
	reused  int64    // bytes that count as verified now
	refuted int64    // bytes that were claimed and have to come after all
	paid    int64    // of the room promised to the entry
	pages   int      // pages that are done with
	again   []uint64 // chunks to be asked for: the sender has what was claimed, and this side has not
	differs bool     // for the first time a chunk is not what an older file has
	asks    bool     // chunks that differ may be to be asked for
	whole   bool     // nothing is missing any more: the attempt is sealed
}

// stated adds a page whose room was taken to what is stated to the sender. It returns
// false if the attempt is over.
func (l *ledger) stated(a *attempt, p *claimPage) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.current() {
		return false
	}
	a.basis.pages[p.first] = p
	if p.waits {
		a.basis.lacks.open++
	}
	return true
}

// claims tells whether claim i of a page is still to be hashed.
func (l *ledger) claims(a *attempt, p *claimPage, i uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.current() && p.held.has(i) && !a.chunks.Has(p.first+i)
}

// judge notes whether a claim is what the bytes are. A wrong one is asked for
// like a missing chunk, but only once the sender has said that its own bytes are
// what was claimed: else the chunk comes without, and would come twice.
func (l *ledger) judge(a *attempt, p *claimPage, i uint64, good bool) (g gain, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !a.current() || !p.held.has(i):
		return g, nil
	case good:
		p.good.set(i)
		err = a.fold(p, i, &g)
	default:
		if p.bad.set(i); p.equal.has(i) {
			a.refute(p, i, &g)
			g.again = append(g.again, p.first+i)
		}
	}
	a.drop(p, &g)
	g.whole = a.seal()
	return g, err
}

// checked takes the sender's answer to a page: which of its chunks are equal. The
// attempt is nil if it is over.
func (l *ledger) checked(c framing.Checked) (a *attempt, g gain, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, err := l.named(c.ID)
	if e == nil || err != nil || c.Attempt != e.number {
		return nil, g, err // settled, or the attempt is over: its pages with it
	}
	var p *claimPage
	if a = e.attempt; a != nil && a.basis != nil {
		p = a.basis.pages[c.First]
	}
	if p == nil || p.answered || c.Count != p.count {
		return nil, g, failure.Violation("CHECKED for chunk %d of entry %d", c.First, c.ID)
	}
	p.answered = true
	if k := a.basis.lacks; k != nil && p.first == 0 {
		k.awaits = false
	}
	for i := range p.count {
		if !c.Same(i) {
			a.refute(p, i, &g) // it comes, or came, as DATA
			if p.waits {
				a.basis.lacks.add(p.first + i)
			}
			if l := a.basis.lent; l != nil && !l.differs {
				l.differs, g.differs = true, true
			}
			continue
		}
		p.equal.set(i)
		if p.bad.has(i) {
			a.refute(p, i, &g)
			g.again = append(g.again, p.first+i)
		} else if err := a.fold(p, i, &g); err != nil {
			return a, g, err
		}
	}
	if p.waits {
		a.basis.lacks.open--
		g.asks = true
	}
	a.drop(p, &g)
	g.whole = a.seal()
	return a, g, nil
}

// fold counts a claim as a verified chunk once both sides say that it is: the
// bytes here have its CV, and the sender's bytes have it too. Callers hold ledger.mu.
func (a *attempt) fold(p *claimPage, i uint64, g *gain) error {
	index := p.first + i
	if !p.good.has(i) || !p.equal.has(i) || a.chunks.Has(index) {
		return nil
	}
	if err := a.chunks.Set(index, p.cvs[i]); err != nil {
		return err
	}
	p.held.clear(i)
	n := a.claimed(p, i)
	p.kept -= n
	g.reused += n
	g.paid += a.pay(n)
	return nil
}

// drop lets go of a page that was answered and of which no claim is open. Callers hold
// ledger.mu.
func (a *attempt) drop(p *claimPage, g *gain) {
	if pages := a.basis.pages; p.answered && p.held.empty() && pages[p.first] == p {
		delete(pages, p.first)
		g.pages++
	}
}

// lacking is the next step about what of an attempt differs; ok is false if there is none now.
func (l *ledger) lacking(a *attempt, p *pace) (s step, ok bool) {
	heard := p.heard()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.current() {
		return s, false
	}
	return a.basis.lacks.next(p, heard)
}

// listed says that so many bytes of the old file of an attempt are listed; 0 if it cannot be.
func (l *ledger) listed(a *attempt, reach int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := a.basis.lacks
	if k.mode, k.reach = patching, reach; reach == 0 {
		k.mode = whole
	}
	close(k.ready)
}

// listing returns what is closed when the list of the old file is made, nil if none is begun.
func (l *ledger) listing(a *attempt) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := a.basis.lacks; k != nil && k.mode == listing {
		return k.ready
	}
	return nil
}

// finds tells whether what a page has of the old file is found wherever it is: then nothing of
// it has to be taken over at its place. What is not listed is found nowhere else.
func (l *ledger) finds(a *attempt, p *claimPage) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := a.basis.lacks
	return k != nil && k.mode == patching && int64(p.first+p.count)*checksum.ChunkSize <= k.reach
}

// holds tells whether what differs of one more page may wait for being asked for.
func (l *ledger) holds(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := a.basis.lacks
	return k != nil && len(k.runs) < maxRuns
}

// allStated says that all pages of an attempt were stated. It reports whether the planner has
// to know.
func (l *ledger) allStated(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := a.basis.lacks
	if k == nil {
		return false
	}
	k.all = true
	return k.open == 0
}

// patched tells whether a chunk that came as copies is still wanted. It is refused if it was
// not asked for so; asked says that it was.
func (l *ledger) patched(a *attempt, index uint64) (wanted, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.current() {
		return false, true
	}
	k := a.basis.lacks
	if k.out[index] != framing.WantPatch {
		return false, false
	}
	k.out[index] = framing.WantAgain // whatever becomes of it, it comes so once
	return true, true
}

// isCurrent tells whether an attempt is not over.
func (l *ledger) isCurrent(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.current()
}
