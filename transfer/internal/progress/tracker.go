package progress

import (
	"slices"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// maxFailures bounds the list in Result; all of them reach the Observer.
const maxFailures = 1000

// Tracker keeps what a delivery came to and tells the Observer. One for each
// side of a delivery, used by all of its goroutines.
type Tracker struct {
	Activity
	teller teller

	mu       sync.Mutex
	started  time.Time
	progress transfer.Progress
	result   transfer.Result
	phase    transfer.Phase
}

// New returns the tracker of a delivery that begins now. A nil Observer is none.
func New(o transfer.Observer) *Tracker {
	t := &Tracker{started: time.Now()}
	t.teller.init(o)
	return t
}

// Resume goes on from the result of a delivery that ended.
func Resume(o transfer.Observer, result transfer.Result) *Tracker {
	t := New(o)
	t.result = result
	return t
}

// Begin starts the clock of Result.Elapsed again: people and their answers are
// no part of it.
func (t *Tracker) Begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started = time.Now()
}

// Tell tells an event that changes no count.
func (t *Tracker) Tell(e transfer.Event) {
	t.teller.put(e)
	t.teller.tell()
}

// leave ends a change of the counts and tells e of it. It is called with mu. Under mu the
// event gets its place in the order; mu is given up before any event is told.
func (t *Tracker) leave(e transfer.Event) {
	t.teller.put(e)
	t.mu.Unlock()
	t.teller.tell()
}

// Enter moves to a later phase; earlier ones are not gone back to.
func (t *Tracker) Enter(p transfer.Phase) {
	t.mu.Lock()
	if p <= t.phase {
		t.mu.Unlock()
		return
	}
	t.phase = p
	t.leave(transfer.PhaseChanged{Phase: p})
}

// Done counts an item that ended well. Content says that it has some.
func (t *Tracker) Done(d transfer.ItemDone, content bool) {
	t.mu.Lock()
	d.DryRun = t.result.DryRun
	t.progress.Done++
	switch d.Status {
	case transfer.StatusReplaced:
		t.result.Replaced++
		fallthrough
	case transfer.StatusDelivered, transfer.StatusRenamed:
		t.result.Delivered++
		if content {
			t.result.Files++
			flow.Grow(&t.result.Bytes, max(d.Size, 0)) // a rehearsed stream has none
		}
	case transfer.StatusAdjusted:
		t.result.Adjusted++
		fallthrough
	case transfer.StatusSame:
		t.result.Same++
	case transfer.StatusSkipped:
		t.result.Skipped++
	}
	t.leave(d)
}

// Failed counts an item that will not be delivered.
func (t *Tracker) Failed(e *transfer.Error) {
	t.mu.Lock()
	t.progress.Done++
	t.result.Failed++
	if len(t.result.Failures) < maxFailures {
		t.result.Failures = append(t.result.Failures, e)
	}
	t.leave(transfer.ItemFailed{Path: e.Path, Err: e})
}

// Excluded counts an item that the selection leaves out.
func (t *Tracker) Excluded(path string, why *tree.Exclusion) {
	t.mu.Lock()
	t.result.Excluded++
	t.leave(transfer.ItemExcluded{Path: path, Exclusion: *why})
}

// Deleted counts an item that was removed from the destination, or would be.
func (t *Tracker) Deleted(path string, info tree.Info) {
	t.mu.Lock()
	t.result.Deleted++
	e := transfer.ItemDeleted{DryRun: t.result.DryRun, Path: path, Kind: info.Kind, Size: -1}
	if info.Kind == tree.File {
		e.Size = info.Size
	}
	t.leave(e)
}

// Removed counts an item that was removed from the source.
func (t *Tracker) Removed(path string, info tree.Info) {
	t.mu.Lock()
	t.result.Removed++
	e := transfer.ItemRemoved{Path: path, Kind: info.Kind, Size: -1}
	if info.Kind == tree.File {
		e.Size = info.Size
	}
	t.leave(e)
}

// Deletions sets the counts back to what they were: nothing is deleted after all.
func (t *Tracker) Deletions(deleted, backups int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Deleted, t.result.Backups = deleted, backups
}

// Stayed notes how many items stay at the source, since nobody has compared them.
func (t *Tracker) Stayed(items int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Stayed = items
}

// BackedUp counts a backup that was made, or would be.
func (t *Tracker) BackedUp(path, at string) {
	t.mu.Lock()
	t.result.Backups++
	t.leave(transfer.ItemKept{DryRun: t.result.DryRun, Path: path, At: at})
}

// Escaped counts an item, the entry id, that is stored at another path than its own. The
// receiver's keeps that for the sender; full says that it is time to send what is kept.
func (t *Tracker) Escaped(id uint64, path, at string) (full bool) {
	if o := &t.teller.other; o.names && !o.sender {
		full = o.keep(framing.Remark{Kind: framing.RemarkEscaped, Number: id, Path: []byte(path), Text: []byte(at)})
	}
	t.mu.Lock()
	t.result.Escaped++
	t.leave(transfer.ItemEscaped{DryRun: t.result.DryRun, Path: path, At: at})
	return full
}

// Stored notes which store keeps what was delivered. The receiver's keeps that for the sender.
func (t *Tracker) Stored(store string) {
	if o := &t.teller.other; o.stores && !o.sender {
		o.keep(framing.Remark{Kind: framing.RemarkStored, Text: []byte(store)})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Store = store
}

// Rehearse notes that this is a dry run.
func (t *Tracker) Rehearse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.DryRun = true
}

// Finished notes what the receiver's receipt says. Unsynced is why not all is durable
// that should be; nil otherwise.
func (t *Tracker) Finished(digest [32]byte, durable bool, unsynced error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Digest, t.result.Durable, t.result.Unsynced = digest, durable, unsynced
}

// Final is the result so far, with the time it took.
func (t *Tracker) Final() transfer.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.result
	r.Lost = slices.Clone(r.Lost)
	r.Elapsed = time.Since(t.started)
	return r
}
