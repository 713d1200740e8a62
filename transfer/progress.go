package transfer

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ferry/transfer/tree"
)

// tracker keeps what a delivery came to and tells the Observer. One for each
// side of a delivery, used by all of its goroutines.
type tracker struct {
	observer Observer // nil: nobody listens
	started  time.Time

	mu       sync.Mutex
	progress Progress
	result   Result
	phase    Phase
	doomed   map[string]*doomed // of a dry run, by path: not settled
	turned   turned

	work  atomic.Uint64 // grows with all that gets done
	busy  atomic.Int32  // calls to a disk under way
	calls atomic.Uint64 // and those that have returned
	stuck atomic.Bool   // none has for a while

	said   sync.Mutex // guards what follows
	before uint64     // work, when the last heartbeat was made
	mark   uint64     // and the bytes received when it last grew
}

func newTracker(o Observer) *tracker {
	return &tracker{observer: o, started: time.Now()}
}

// resumeTracker goes on from the result of a delivery that ended.
func resumeTracker(o Observer, result Result) *tracker {
	t := newTracker(o)
	t.result = result
	return t
}

// begin starts the clock of Result.Elapsed again: people and their answers are
// no part of it.
func (t *tracker) begin() {
	t.mu.Lock()
	t.started = time.Now()
	t.mu.Unlock()
}

func (t *tracker) tell(e Event) {
	if t.observer != nil {
		t.observer.Observe(e)
	}
}

// enter moves to a later phase; earlier ones are not gone back to.
func (t *tracker) enter(p Phase) {
	t.mu.Lock()
	later := p > t.phase
	if later {
		t.phase = p
	}
	t.mu.Unlock()
	if later {
		t.tell(PhaseChanged{p})
	}
}

// update changes the progress under the lock and tells the new state.
func (t *tracker) update(change func(*Progress, *Result)) {
	t.mu.Lock()
	change(&t.progress, &t.result)
	p := t.progress
	t.mu.Unlock()
	t.work.Add(1)
	t.tell(p)
}

// done counts an item that ended well.
func (t *tracker) done(d ItemDone, isFile bool) {
	t.mu.Lock()
	if err := t.turn(d, isFile); err != nil {
		t.mu.Unlock()
		t.failed(err)
		return
	}
	d.DryRun = t.result.DryRun
	t.progress.Done++
	switch d.Status {
	case StatusReplaced:
		t.result.Replaced++
		fallthrough
	case StatusDelivered, StatusRenamed:
		t.result.Delivered++
		if isFile {
			t.result.Files++
			grow(&t.result.Bytes, max(d.Size, 0)) // a rehearsed stream has none
		}
	case StatusAdjusted:
		t.result.Adjusted++
		fallthrough
	case StatusSame:
		t.result.Same++
	case StatusSkipped:
		t.result.Skipped++
	}
	t.mu.Unlock()
	t.tell(d)
}

// failed counts an item that will not be delivered.
func (t *tracker) failed(e *Error) {
	t.mu.Lock()
	delete(t.doomed, e.Path)
	t.progress.Done++
	t.result.Failed++
	if len(t.result.Failures) < maxFailures {
		t.result.Failures = append(t.result.Failures, e)
	}
	t.mu.Unlock()
	t.tell(ItemFailed{Path: e.Path, Err: e})
}

// excluded counts an item that the selection leaves out.
func (t *tracker) excluded(path string, why *tree.Exclusion) {
	t.mu.Lock()
	t.result.Excluded++
	t.mu.Unlock()
	t.tell(ItemExcluded{Path: path, Exclusion: *why})
}

// left is how much content is still to be moved, in bytes; -1 while that is not known.
func (t *tracker) left() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.progress.Exact {
		return t.progress.Total - t.progress.Bytes
	}
	return -1
}

// worked notes that something got done of which no event tells.
func (t *tracker) worked() { t.work.Add(1) }

// deleted counts an item that was removed from the destination, or would be.
func (t *tracker) deleted(path string, info tree.Info) {
	t.mu.Lock()
	t.result.Deleted++
	dry := t.result.DryRun
	t.mu.Unlock()
	e := ItemDeleted{DryRun: dry, Path: path, Kind: info.Kind, Size: -1}
	if info.Kind == tree.File {
		e.Size = info.Size
	}
	t.tell(e)
}

// final is the result so far, with the time it took.
func (t *tracker) final() Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.result
	r.Lost = slices.Clone(r.Lost)
	r.Elapsed = time.Since(t.started)
	return r
}
