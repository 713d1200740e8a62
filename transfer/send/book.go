package send

import (
	"sync"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// book has the entries in flight, and the tally of the verdicts on all others. The receipt
// must agree with it.
//
// The announcer adds entries, control takes each out with its verdict, and the goroutines
// that read content note its digest. No method waits, and none calls an Observer.
type book struct {
	window *window // what an entry took of it is given back with the verdict

	mu      sync.Mutex
	entries map[uint64]*entry // in flight, by id
	last    uint64            // id of the entry announced last
	walked  bool              // END was sent
	unsent  int64             // items that could not be announced
	// roots are the entries that stand for the destination, as the user calls
	// them: at most as many as there are sources.
	roots map[uint64]string
	sums  checksum.Sumset // of what is verified
	tally framing.Receipt // all verdicts; without Digest and Durable
}

func newBook(w *window) *book {
	return &book{window: w, entries: make(map[uint64]*entry), roots: make(map[uint64]string)}
}

// announce puts an entry in flight, before its record leaves. It has its room in the window.
func (b *book) announce(e *entry) {
	it := e.item
	b.mu.Lock()
	defer b.mu.Unlock()
	e.size = it.Size
	b.entries[it.ID] = e
	b.last = it.ID
	if it.Kind == tree.Root {
		b.roots[it.ID] = it.Display // what is said of it comes after its verdict
	}
}

// miss counts an item that cannot be announced.
func (b *book) miss() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unsent++
}

// close notes that all is announced. It returns the totals, but those of content.
func (b *book) close() framing.End {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.walked = true
	return framing.End{Entries: b.last, Failed: uint64(b.unsent)}
}

// settled tells whether every entry has its verdict, and none will come.
func (b *book) settled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allSettled()
}

// allSettled needs mu.
func (b *book) allSettled() bool { return b.walked && len(b.entries) == 0 }

// inFlight is the entry of that id; nil if it was settled, or not announced.
func (b *book) inFlight(id uint64) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[id]
}

// ask takes a WANT. givenUp says that it crossed with the FAULT by which this side gave the
// entry up: nothing is sent.
func (b *book) ask(w *framing.Want, dry bool) (e *entry, givenUp bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e = b.entries[w.ID]; e == nil {
		return nil, false, failure.Violation("WANT for entry %d, which is not open", w.ID)
	}
	again := e.asked
	e.asked = true
	if w.Kind == framing.WantCheck {
		if e.checks > int(w.Attempt) {
			return nil, false, failure.Violation("WANT check twice for entry %d", w.ID)
		}
		e.checks = int(w.Attempt) + 1
	}
	switch {
	case e.failed != nil:
		return nil, true, nil
	case !e.hasContent():
		return nil, false, failure.Violation("WANT for entry %d, which has no content", w.ID)
	case dry && w.Kind != framing.WantCheck:
		return nil, false, failure.Violation("WANT for the content of entry %d in a dry run", w.ID)
	case e.item.Kind == tree.Stream && (again || w.Kind != framing.WantAll):
		return nil, false, failure.Violation("WANT for a part of stream %d", w.ID)
	}
	return e, false, nil
}

// content returns what an entry keeps open, if anything. givenUp says that nothing more of
// the entry is sent.
func (b *book) content(e *entry) (open opened, givenUp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.open, e.failed != nil
}

// attach notes what an entry keeps open. It returns false if the verdict came before.
func (b *book) attach(e *entry, open opened) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[e.item.ID] != e {
		return false
	}
	e.open = open
	return true
}

// hashed notes the digest of content that was sent or compared.
func (b *book) hashed(e *entry, root checksum.Digest, length int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.root, e.length, e.hashed = root, length, true
}

// hashedAll is hashed of several entries, which have the size that was announced.
func (b *book) hashedAll(entries []*entry, roots []checksum.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, e := range entries {
		e.root, e.length, e.hashed = roots[i], e.item.Size, true
	}
}

// resize notes that an entry has another content from now on, of that many bytes. It
// returns by how many more than before.
func (b *book) resize(e *entry, size int64) (by int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	by = size - e.size
	e.size, e.hashed = size, false
	return by
}

// giveUp notes why an entry will not be sent. It returns false if that is known.
func (b *book) giveUp(e *entry, cause *transfer.Error) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.failed != nil {
		return false
	}
	e.failed = cause
	return true
}

// verdict is how an entry in flight ended.
type verdict struct {
	entry    *entry
	read     tree.Info       // what was read of it last
	delivers bool            // it got its name in this delivery, or would
	verified bool            // both sides hashed the content, and it is at the receiver
	root     checksum.Digest // of it, if verified
	size     int64           // of it, if verified; else as announced
	failed   *transfer.Error // what this side said of it before
	last     bool            // every entry has its verdict now
}

// done settles an entry with DONE of that status. dry says that this is a dry run.
func (b *book) done(id uint64, status framing.DoneStatus, dry bool) (verdict, error) {
	b.mu.Lock()
	e := b.entries[id]
	if e == nil {
		b.mu.Unlock()
		return verdict{}, failure.Violation("DONE for entry %d, which is not open", id)
	}
	delivers := status == framing.DoneDelivered || status == framing.DoneRenamed || status == framing.DoneReplaced
	equal := status == framing.DoneEqual || status == framing.DoneEqualAdjusted
	verified := e.hasContent() && (delivers && !dry || equal)
	if verified && !e.hashed || equal && !e.hasContent() {
		b.mu.Unlock()
		return verdict{}, failure.Violation("DONE for entry %d before all of it was sent", id)
	}
	v := b.takeOut(e)
	v.delivers = delivers
	if verified {
		v.verified, v.root, v.size = true, e.root, e.length
		b.sums.Add(id, uint64(e.length), e.root)
	}
	switch {
	case delivers:
		b.tally.Delivered++
		if e.hasContent() { // a rehearsed stream has no size
			b.tally.Bytes = uint64(flow.Plus(int64(b.tally.Bytes), max(v.size, 0)))
		}
	case status == framing.DoneSkipped:
		b.tally.Skipped++
	default:
		b.tally.Same++
	}
	b.mu.Unlock()
	v.read = e.item.Info
	if c, ok := e.open.(*content); ok {
		v.read = c.version(v.read)
	}
	b.release(e)
	return v, nil
}

// fault settles an entry with FAULT.
func (b *book) fault(id uint64) (verdict, error) {
	b.mu.Lock()
	e := b.entries[id]
	if e == nil {
		b.mu.Unlock()
		return verdict{}, failure.Violation("FAULT for entry %d, which is not open", id)
	}
	v := b.takeOut(e)
	b.tally.Failed++
	b.mu.Unlock()
	b.release(e)
	return v, nil
}

// takeOut takes an entry out of flight. It needs mu.
func (b *book) takeOut(e *entry) verdict {
	delete(b.entries, e.item.ID)
	return verdict{entry: e, size: e.size, failed: e.failed, last: b.allSettled()}
}

// release lets go of what a settled entry held: nothing is attached to it any more.
func (b *book) release(e *entry) {
	if e.open != nil {
		e.open.end()
	}
	if s, ok := e.item.Away.(storage.Eager); ok {
		s.Settled()
	}
	b.window.give(e.cost)
}

// warn takes WARN of an entry, which was settled or not, and returns how the user calls
// it; nothing of one that was settled and is no root.
func (b *book) warn(id uint64) (path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id > b.last {
		return "", failure.Violation("WARN for entry %d, which was not announced", id)
	}
	e := b.entries[id]
	if e == nil {
		return b.roots[id], nil
	}
	if e.warned {
		return "", failure.Violation("WARN for entry %d again", id)
	}
	e.warned = true
	return e.item.Display, nil
}

// releaseAll lets go of what an ended delivery still holds. No other goroutine is left.
func (b *book) releaseAll() {
	for _, e := range b.entries {
		if e.open != nil {
			e.open.end()
		}
	}
}
