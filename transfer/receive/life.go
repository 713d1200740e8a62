package receive

import (
	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/tree"
)

// The life of an entry. Each arrow is a method in this file, and nothing else changes a
// state. seal is a method of attempt, for callers that hold ledger.mu; the others are
// methods of ledger.
//
//	           plan          ask           seal           hand
//	announced ──────► planned ──────► asked ──────► sealed ──────► ready
//	                    ▲  ▲            │              │
//	                    │  └── change ──┘              │
//	                    └────── differ ────────────────┘
//	any of these ── settle ──► settled
//
// The arrows again, by where they lead:
//
//	previous   planned: announced, asked (change), sealed (differ)
//	previous   asked: planned
//	previous   sealed: asked
//	previous   ready: sealed
//	previous   settled: announced, planned, asked, sealed, ready
//
// What a state means, and what the sender may say of the entry then:
//
//	announced  the planner has it queued                        FAULT
//	planned    the planner decides, or it waits for another     FAULT
//	           entry or for a slot
//	asked      WANT left, or is about to                        DATA, PACK, FILEEND, CHECKED, CHANGED, FAULT
//	sealed     all that was asked for is here, and verified     what crosses; it changes nothing
//	ready      the publisher has it                             likewise
//	settled    DONE or FAULT left, or is about to               likewise
//
// FAULT is giveUp: it settles an entry that is not sealed yet. A CHANGED that comes in
// another state than asked breaks the rules: of an attempt nothing comes before its WANT.
type state uint8

const (
	announced state = iota + 1
	planned
	asked
	sealed
	ready
	settled
)

// may tells whether the table has an arrow from s to that state.
func (s state) may(to state) bool {
	switch to {
	case planned:
		return s == announced || s == asked || s == sealed
	case asked:
		return s == planned
	case sealed:
		return s == asked
	case ready:
		return s == sealed
	case settled:
		return s >= announced && s < settled
	}
	return false
}

// move changes e's state, if the table allows it. Callers hold ledger.mu.
func (e *entry) move(to state) bool {
	if !e.state.may(to) {
		return false
	}
	e.state = to
	return true
}

// current tells whether a is what is asked for of its entry. Callers hold ledger.mu.
func (a *attempt) current() bool { return a.of.attempt == a && a.of.state == asked }

// isOpen tells whether e still awaits its verdict.
func (l *ledger) isOpen(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.state != settled
}

// plan: announced → planned. The planner begins to decide about e.
func (l *ledger) plan(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.state == announced && e.move(planned)
}

// ask: planned → asked. From now on a is the attempt at its entry. It returns false if
// the entry was settled meanwhile: then a's Partial is the caller's to discard.
func (l *ledger) ask(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.of.move(asked) {
		return false
	}
	a.of.attempt = a
	return true
}

// change: asked → planned. The sender begins another attempt at a file, which c numbers and
// item tells of. It returns the attempt that is over, and what it had of the scarce.
func (l *ledger) change(e *entry, c *framing.Changed, item *tree.Entry) (over *attempt, had freed, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.state != asked || e.kind != tree.File || c.Attempt <= e.number || !e.move(planned) {
		return nil, had, failure.Violation("CHANGED for entry %d", c.ID)
	}
	over, had = e.attempt, e.free()
	e.item, e.number, e.attempt = item, c.Attempt, nil
	return over, had, nil
}

// seal: asked → sealed, if all that was asked for is here. It reports whether this call
// did so: then the caller queues the sealing. Callers hold ledger.mu.
func (a *attempt) seal() bool { return a.current() && a.whole() && a.of.move(sealed) }

// sealSmall: asked → sealed, for a small file with the content s, which was verified. It
// reports false if the attempt is over, or the content came before.
func (l *ledger) sealSmall(a *attempt, s sum) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.form != lone || !a.current() || !a.of.move(sealed) {
		return false
	}
	a.sum = s
	return true
}

// differ: sealed → planned. A comparison told that the content is another one. It returns
// what the sender said of its content, which is asked for only once, and how many bytes were
// taken for the same.
func (l *ledger) differ(a *attempt) (answer *framing.FileEnd, kept int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.of.attempt != a || a.form != comparing || a.of.state != sealed || !a.of.move(planned) {
		return nil, 0, false
	}
	a.of.attempt = nil
	return a.end, a.compared.kept, true
}

// adopt: sealed → planned → asked → sealed. A comparison told that what a file here has is
// the content of a's entry: b, a small file, has it without that it came.
func (l *ledger) adopt(a, b *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := a.of
	if e.attempt != a || a.form != comparing || e.state != sealed || !e.move(planned) || !e.move(asked) || !e.move(sealed) {
		return false
	}
	b.end, b.sum, e.attempt = a.end, a.sum, b
	return true
}

// hand: sealed → ready. The file is complete at the destination, but for its name.
func (l *ledger) hand(a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.of.attempt == a && a.form != comparing && a.of.move(ready)
}

// final is what an entry came to, as its verdict needs it.
type final struct {
	item     *tree.Entry
	attempt  *attempt // nil: nothing was asked for
	sum      sum      // of the content, if it was verified
	adjusted bool
}

// settle: any other state → settled, for the verdict on e. ok is false if there is one:
// only the first counts. The entry is in flight no more before the sender can know of the
// verdict: it may announce another one in its place then.
func (l *ledger) settle(e *entry) (f final, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leaveFlight(e)
}

// settleAttempt is settle, if a is still the attempt at its entry.
func (l *ledger) settleAttempt(a *attempt) (f final, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.of.attempt != a {
		return f, false
	}
	return l.leaveFlight(a.of)
}

// giveUp is settle, unless all that was asked for is here: then the sender gives up too
// late.
func (l *ledger) giveUp(e *entry) (f final, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.state >= sealed {
		return f, false
	}
	return l.leaveFlight(e)
}

func (l *ledger) leaveFlight(e *entry) (f final, ok bool) {
	if !e.move(settled) {
		return f, false
	}
	delete(l.entries, e.id)
	l.held -= e.weight
	f = final{item: e.item, attempt: e.attempt, adjusted: e.told.adjusted}
	if f.attempt != nil {
		f.sum = f.attempt.sum
	}
	return f, true
}

// freed is what is given back of what is scarce.
type freed struct {
	holdings
	pages int   // of WANT
	kept  int64 // bytes that were claimed in them
}

// keep notes what e has got of what is scarce. It returns false if e is settled: then
// that is the caller's to give back.
func (l *ledger) keep(e *entry, more holdings) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.state == settled {
		return false
	}
	h := &e.holds
	h.slot, h.temp, h.source = h.slot || more.slot, h.temp || more.temp, h.source || more.source
	h.room += more.room
	h.pieces += more.pieces
	return true
}

// kept is what e has.
func (l *ledger) kept(e *entry) holdings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.holds
}

// free takes from e what it has by its attempt: its pages, the pieces that were listed, and
// the room that was not written to. Callers hold ledger.mu.
func (e *entry) free() (f freed) {
	if a := e.attempt; a != nil && a.basis != nil {
		f.pages = len(a.basis.pages)
		for _, p := range a.basis.pages {
			f.kept += p.kept
		}
		a.basis.pages = nil
	}
	if a := e.attempt; a != nil && a.compared != nil {
		f.kept, a.compared.kept = a.compared.kept, 0
	}
	f.room, e.holds.room = e.holds.room, 0
	f.pieces, e.holds.pieces = e.holds.pieces, 0
	return f
}

// retire forgets e, on which the verdict was given. It returns what the caller gives back
// for e, and e's folder if the caller is to finish that now.
func (l *ledger) retire(e *entry) (had freed, last *folder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	had = e.free()
	byAttempt := had.holdings
	had.holdings, e.holds = e.holds, holdings{}
	had.room, had.pieces = byAttempt.room, byAttempt.pieces
	l.settled++
	if f := e.parent; f != nil {
		if f.pending--; f.ended && f.pending == 0 {
			last = f
		}
	}
	l.closeIfComplete()
	return had, last
}
