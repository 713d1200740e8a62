package progress

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/tree"
)

// maxFailures bounds the list in Result; all of them reach the Observer.
const maxFailures = 1000

// Tracker keeps what a delivery came to and tells the Observer. One for each
// side of a delivery, used by all of its goroutines.
type Tracker struct {
	observer transfer.Observer // nil: nobody listens
	started  time.Time

	mu       sync.Mutex
	progress transfer.Progress
	result   transfer.Result
	phase    transfer.Phase
	doomed   map[string]*Doomed // of a dry run, by path: not settled
	turned   turned

	work  atomic.Uint64 // grows with all that gets done
	busy  atomic.Int32  // calls to a disk under way
	calls atomic.Uint64 // and those that have returned
	stuck atomic.Bool   // none has for a while

	said   sync.Mutex // guards what follows
	before uint64     // work, when the last heartbeat was made
	mark   uint64     // and the bytes received when it last grew
}

// New returns a tracker that tells o, which may be nil, and starts its clock.
func New(o transfer.Observer) *Tracker {
	return &Tracker{observer: o, started: time.Now()}
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
	t.started = time.Now()
	t.mu.Unlock()
}

// Tell passes an event on to the Observer.
func (t *Tracker) Tell(e transfer.Event) {
	if t.observer != nil {
		t.observer.Observe(e)
	}
}

// Enter moves to a later phase; earlier ones are not gone back to.
func (t *Tracker) Enter(p transfer.Phase) {
	t.mu.Lock()
	later := p > t.phase
	if later {
		t.phase = p
	}
	t.mu.Unlock()
	if later {
		t.Tell(transfer.PhaseChanged{Phase: p})
	}
}

// Update changes the progress under the lock and tells the new state.
func (t *Tracker) Update(change func(*transfer.Progress, *transfer.Result)) {
	t.mu.Lock()
	change(&t.progress, &t.result)
	p := t.progress
	t.mu.Unlock()
	t.work.Add(1)
	t.Tell(p)
}

// Done counts an item that ended well.
func (t *Tracker) Done(d transfer.ItemDone, isFile bool) {
	t.mu.Lock()
	if err := t.turn(d, isFile); err != nil {
		t.mu.Unlock()
		t.Failed(err)
		return
	}
	d.DryRun = t.result.DryRun
	t.progress.Done++
	switch d.Status {
	case transfer.StatusReplaced:
		t.result.Replaced++
		fallthrough
	case transfer.StatusDelivered, transfer.StatusRenamed:
		t.result.Delivered++
		if isFile {
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
	t.mu.Unlock()
	t.Tell(d)
}

// Failed counts an item that will not be delivered.
func (t *Tracker) Failed(e *transfer.Error) {
	t.mu.Lock()
	delete(t.doomed, e.Path)
	t.progress.Done++
	t.result.Failed++
	if len(t.result.Failures) < maxFailures {
		t.result.Failures = append(t.result.Failures, e)
	}
	t.mu.Unlock()
	t.Tell(transfer.ItemFailed{Path: e.Path, Err: e})
}

// Excluded counts an item that the selection leaves out.
func (t *Tracker) Excluded(path string, why *tree.Exclusion) {
	t.mu.Lock()
	t.result.Excluded++
	t.mu.Unlock()
	t.Tell(transfer.ItemExcluded{Path: path, Exclusion: *why})
}

// Left is how much content is still to be moved, in bytes; -1 while that is not known.
func (t *Tracker) Left() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.progress.Exact {
		return t.progress.Total - t.progress.Bytes
	}
	return -1
}

// Worked notes that something got done of which no event tells.
func (t *Tracker) Worked() { t.work.Add(1) }

// Deleted counts an item that was removed from the destination, or would be.
func (t *Tracker) Deleted(path string, info tree.Info) {
	t.mu.Lock()
	t.result.Deleted++
	dry := t.result.DryRun
	t.mu.Unlock()
	e := transfer.ItemDeleted{DryRun: dry, Path: path, Kind: info.Kind, Size: -1}
	if info.Kind == tree.File {
		e.Size = info.Size
	}
	t.Tell(e)
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
