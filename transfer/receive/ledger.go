package receive

import (
	"sync"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// ledger has the entries in flight, with their states, and the folders that are not
// finished. It does nothing else: it calls no destination, no Observer and no link, and
// under its lock only the lock of a checksum.Tree is taken.
//
// This file is about which entries there are, life.go about their states, and content.go
// about the chunks that come. claims.go and lent.go are about chunks that were here before.
type ledger struct {
	mu       sync.Mutex         // guards what follows, and what entries, attempts and folders say that it guards
	entries  map[uint64]*entry  // announced and not settled
	folders  map[uint64]*folder // not finished
	open     map[uint64]bool    // folders whose end was not announced
	lastID   uint64             // of the entries announced
	end      *framing.End
	settled  uint64 // entries settled, with all that follows from it
	most     int    // entries that may be in flight
	held     int64  // weight of entries, in bytes
	closing  bool
	complete chan struct{} // closed when every entry is settled
}

func newLedger() *ledger {
	return &ledger{
		entries: make(map[uint64]*entry), folders: make(map[uint64]*folder), open: make(map[uint64]bool),
		most: framing.FirstEntries, complete: make(chan struct{}),
	}
}

// widen lets n entries be in flight.
func (l *ledger) widen(n int) {
	l.mu.Lock()
	l.most = n
	l.mu.Unlock()
}

// announce takes the records of an ENTRY frame in: each is an arrival or a folderEnd. The
// windows bound what is kept for them.
func (l *ledger) announce(records []message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return failure.Violation("ENTRY after END")
	}
	for _, r := range records {
		var err error
		switch r := r.(type) {
		case arrival:
			err = l.announceEntry(r.e)
		case folderEnd:
			err = l.announceEnd(uint64(r))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) announceEnd(id uint64) error {
	if !l.open[id] {
		return failure.Violation("the end of folder %d, which is not open", id)
	}
	delete(l.open, id)
	return nil
}

func (l *ledger) announceEntry(e *entry) error {
	if e.id != l.lastID+1 {
		return failure.Violation("entry %d follows entry %d", e.id, l.lastID)
	}
	l.lastID = e.id
	e.state = announced
	if l.entries[e.id] = e; len(l.entries) > l.most {
		return failure.Violation("more than %d entries in flight", l.most)
	}
	if l.held += e.weight; l.held > flow.EntryBytes {
		return failure.Violation("more than %d bytes of entries in flight", flow.EntryBytes)
	}
	if e.kind == tree.Folder || e.kind == tree.Root {
		// Those that failed are settled, and yet kept until they end.
		if l.open[e.id] = true; len(l.open) > flow.EntryWindow {
			return failure.Violation("more than %d folders open", flow.EntryWindow)
		}
	}
	return nil
}

// mayEnd returns an error unless m may follow the entries that were announced.
func (l *ledger) mayEnd(m framing.End) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil || m.Entries != l.lastID {
		return failure.Violation("END counts %d entries, announced were %d", m.Entries, l.lastID)
	}
	return nil
}

// announcedAll takes END, which may come: no entry follows.
func (l *ledger) announcedAll(m framing.End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = &m
	l.closeIfComplete()
}

// named finds an entry that a frame speaks of. It is nil when the entry was settled,
// which crosses with what the sender still says of it. Callers hold mu.
func (l *ledger) named(id uint64) (*entry, error) {
	if id == 0 || id > l.lastID {
		return nil, failure.Violation("entry %d was not announced", id)
	}
	return l.entries[id], nil
}

// say notes a CHANGED or FAULT about an entry, for the planner to handle. There may be one
// of each before the planner has handled either, so that the entry window bounds the
// planner's queue. The entry is nil if it was settled.
func (l *ledger) say(id uint64) (*entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, err := l.named(id)
	if e == nil || err != nil {
		return nil, err
	}
	if e.said++; e.said > 2 {
		return nil, failure.Violation("too much at once about entry %d", e.id)
	}
	return e, nil
}

// heard says that the planner handles such a frame.
func (l *ledger) heard(e *entry) {
	l.mu.Lock()
	e.said--
	l.mu.Unlock()
}

// enterFolder puts e into the folder that it names as its parent. It returns the folder,
// nil at the top; known is false if there is none to which more may come.
func (l *ledger) enterFolder(e *entry) (parent *folder, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	parent = l.folders[e.item.Parent]
	known = e.item.Parent == 0 || parent != nil && !parent.ended
	if parent != nil && known {
		parent.pending++
		e.parent = parent
	}
	return parent, known
}

// rename has e, a folder, be called otherwise than it was announced.
func (l *ledger) rename(e *entry, item *tree.Entry) {
	l.mu.Lock()
	e.item = item
	l.mu.Unlock()
}

// openFolder lets entries come that name f as their parent.
func (l *ledger) openFolder(f *folder) {
	l.mu.Lock()
	l.folders[f.item.ID] = f
	l.mu.Unlock()
}

// endFolder says that the last child of a folder was announced. idle: all are settled.
func (l *ledger) endFolder(id uint64) (f *folder, idle bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f = l.folders[id]
	if f == nil || f.ended {
		return nil, false, failure.Violation("the end of folder %d, which is not open", id)
	}
	f.ended = true
	return f, f.pending == 0, nil
}

// closeFolder forgets a folder whose children are settled. It returns its entry, nil if
// that is settled.
func (l *ledger) closeFolder(f *folder) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.folders, f.item.ID)
	return l.entries[f.item.ID]
}

// adjusted notes that e was found the same, and its metadata changed.
func (l *ledger) adjusted(e *entry) {
	l.mu.Lock()
	e.told.adjusted = true
	l.mu.Unlock()
}

// warns notes that WARN names e. It reports false if one did before.
func (l *ledger) warns(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := e.told.warned
	e.told.warned = true
	return !before
}

// allReady tells whether n sealed files are all that is not settled yet.
func (l *ledger) allReady(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end != nil && len(l.entries)-len(l.folders) <= n
}

// unsent is how many items the sender could not announce, once all are settled.
func (l *ledger) unsent() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.end.Failed)
}

// left returns the attempts that are not over when the delivery ends.
func (l *ledger) left() (left []*attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.attempt != nil {
			left = append(left, e.attempt)
		}
	}
	return left
}

// closeIfComplete notes that every entry is settled. Callers hold mu.
func (l *ledger) closeIfComplete() {
	if l.end == nil || l.settled < l.end.Entries || l.closing {
		return
	}
	l.closing = true
	close(l.complete)
}
