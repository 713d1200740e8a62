package receive

import "ferry/checksum"

// maxLent is how many chunks of a file that will be replaced are only hashed, in the
// hope that nothing differs: their chaining values are kept, 1 MiB of them.
const maxLent = 1 << 15

// lent is what a file that will be replaced has lent to the one that comes: chunks from
// the first on that were hashed in the old file and are not in the Partial. If nothing
// differs they never are, and the new file takes no space. Guarded by ledger.mu.
type lent struct {
	cvs     []checksum.CV
	own     [maxLent / 64]uint64 // bits of those that are in the Partial
	differs bool                 // a chunk is another one: what is equal is copied from now on
	claimed bool                 // a chunk is one that an interrupted delivery left
	filled  bool                 // all of them are in the Partial
}

// holds notes that the Partial has chunk index itself.
func (l *lent) holds(index uint64) {
	if l != nil && index < maxLent {
		l.own[index/64] |= 1 << (index % 64)
	}
}

// missing tells whether chunk index is lent and not in the Partial.
func (l *lent) missing(index uint64) bool {
	return index < uint64(len(l.cvs)) && l.own[index/64]&(1<<(index%64)) == 0
}

// open tells whether a chunk may be lent: the next one, while nothing differs.
func (l *lent) open(index uint64) bool {
	return l != nil && !l.differs && index == uint64(len(l.cvs)) && index < maxLent
}

// lends tells whether chunk index of the old file may be lent in place of being copied;
// current is false if the attempt is over.
func (l *ledger) lends(a *attempt, index uint64) (lend, current bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.basis.lent.open(index), a.current()
}

// took notes where a chunk with that chaining value is: in the Partial, if an interrupted
// delivery left it there (claimed); lend says that it is the next of those lent.
func (l *ledger) took(a *attempt, index uint64, cv checksum.CV, lend, claimed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := a.basis.lent
	if t == nil {
		return
	}
	if t.claimed = t.claimed || claimed; lend {
		t.cvs = append(t.cvs, cv)
	}
	if claimed {
		t.holds(index)
	}
}

// lentChunks is how many chunks were lent.
func (l *ledger) lentChunks(a *attempt) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(a.basis.lent.cvs))
}

// lacksLent tells whether chunk index is lent and not in the Partial, and what its
// chaining value was.
func (l *ledger) lacksLent(a *attempt, index uint64) (cv checksum.CV, lacks bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := a.basis.lent
	return t.cvs[index], t.missing(index)
}

// holdsLent notes that a chunk that was lent is in the Partial.
func (l *ledger) holdsLent(a *attempt, index uint64) {
	l.mu.Lock()
	a.basis.lent.holds(index)
	l.mu.Unlock()
}

// filled notes that the Partial has all chunks that were lent.
func (l *ledger) filled(a *attempt) {
	l.mu.Lock()
	a.basis.lent.filled = true
	l.mu.Unlock()
}

// unfilled tells whether chunks of a sealed attempt are only lent, and may not be in the
// Partial.
func (l *ledger) unfilled(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.basis != nil && a.basis.lent != nil && !a.basis.lent.filled
}

// untouched tells whether all of a sealed content is what the file has that it would
// replace, and nothing of it came or was left by another delivery.
func (l *ledger) untouched(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, old := a.basis, a.of.choice.replace
	return b != nil && b.replaces && a.got == 0 && old != nil && old.Size == a.sum.size && !(b.lent != nil && b.lent.claimed)
}
