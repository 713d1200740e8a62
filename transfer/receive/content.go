package receive

import (
	"errors"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// expect returns the attempt to which content belongs that comes for an entry. It is nil
// if the content is of no use any more: the entry is settled, or the sender's attempt is
// another one.
func (l *ledger) expect(id uint64, number uint8) (*attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, err := l.named(id)
	if e == nil || err != nil || e.number != number {
		return nil, err
	}
	if e.state < asked {
		return nil, failure.Violation("DATA for entry %d, which was not asked for", id)
	}
	return e.attempt, nil
}

// expectPacked is expect for the small file with size bytes out of a pack.
func (l *ledger) expectPacked(id uint64, size int) (*attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, err := l.named(id)
	if e == nil || err != nil {
		return nil, err
	}
	if e.state < asked || e.number != 0 || e.attempt.form != lone || int64(size) != e.attempt.item.Size {
		return nil, failure.Violation("PACK with entry %d of %d bytes", id, size)
	}
	return e.attempt, nil
}

// wants tells whether a chunk is still to be written.
func (l *ledger) wants(a *attempt, index uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.current() && (a.form == lone || a.form == chunked && !a.chunks.Has(index))
}

// written is what follows from a chunk that was written.
type written struct {
	first bool  // it did not come before
	whole bool  // it was the last one: the attempt is sealed
	paid  int64 // of the room promised to the entry
	asks  bool  // more is to be asked for of what differs
}

// wrote notes a chunk that came, was verified and is written; n bytes of it took room. Heard
// is what came on the link until now.
func (l *ledger) wrote(a *attempt, index uint64, node checksum.Node, n int, heard uint64) (w written, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = a.chunks.SetNode(index, node)
	switch {
	case errors.Is(err, checksum.ErrAlreadySet):
		return w, nil
	case err != nil:
		return w, failure.Violation("chunk %d of entry %d: %v", index, a.of.id, err)
	}
	a.got++
	w = written{first: true, whole: a.seal(), paid: a.pay(int64(n))}
	if a.basis != nil {
		a.basis.lent.holds(index)
		w.asks = a.basis.lacks.came(index, heard) && !w.whole
	}
	return w, nil
}

// paid takes n bytes, which are written now, off what is promised to a's entry. It
// returns how many of them were.
func (l *ledger) paid(a *attempt, n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.pay(n)
}

// pay is paid for callers that hold mu.
func (a *attempt) pay(n int64) int64 {
	if a.of.attempt != a {
		return 0 // what was promised to it was given back
	}
	n = min(n, a.of.holds.room)
	a.of.holds.room -= n
	return n
}

// retry counts that a chunk was not what was sent. again says that it is to be asked for
// once more, and is false if the attempt is over; spoiled says that it was asked for
// often enough.
func (l *ledger) retry(a *attempt, index uint64) (again, spoiled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.current() {
		return false, false
	}
	if a.tries == nil {
		a.tries = make(map[uint64]int)
	}
	a.tries[index]++
	spoiled = a.of.kind == tree.Stream || a.tries[index] >= chunkAttempts || len(a.tries) > maxTries
	return !spoiled, spoiled
}

// fileEnd takes what the sender says of a whole content. It returns the attempt, nil if it
// is over; whole says that nothing of it is missing: then it is sealed.
func (l *ledger) fileEnd(f framing.FileEnd) (a *attempt, whole bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, err := l.named(f.ID)
	if e == nil || err != nil || e.number != f.Attempt {
		return nil, false, err // settled, or it crossed with a change
	}
	a = e.attempt
	if e.state < asked || a.end != nil || e.kind == tree.File && f.Size != uint64(a.item.Size) {
		return nil, false, failure.Violation("FILEEND of %d bytes for entry %d", f.Size, f.ID)
	}
	a.end = &f
	return a, a.seal(), nil
}

// compared takes the digest of an existing file that is compared with what is offered;
// broken if it could not be read. It reports whether the sender's is here too: then the
// attempt is sealed.
func (l *ledger) compared(a *attempt, root checksum.Digest, broken bool) (whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.current() {
		return false
	}
	c := a.compared
	c.root, c.done, c.broken = root, true, broken
	return a.seal()
}

// compares notes that n more bytes of an existing file were hashed. It returns false if the
// attempt is over.
func (l *ledger) compares(a *attempt, n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.current() {
		return false
	}
	a.compared.kept += n
	return true
}

// equal tells how a comparison ended, for which the attempt is sealed. If the files are
// the same, the attempt's content is verified. kept is how many bytes were taken for the same
// until now.
func (l *ledger) equal(a *attempt) (kept int64, same bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := a.compared
	if c.broken || a.end.Root != c.root {
		return 0, false
	}
	a.sum = sum{true, c.root, int64(a.end.Size)}
	kept, c.kept = c.kept, 0
	return kept, true
}

// verified notes what the content of a sealed attempt was verified to be.
func (l *ledger) verified(a *attempt, s sum) {
	l.mu.Lock()
	a.sum = s
	l.mu.Unlock()
}
