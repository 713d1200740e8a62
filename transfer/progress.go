package transfer

import (
	"sync"
	"sync/atomic"
	"time"
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

	settledBytes atomic.Int64 // for heartbeats, which must not wait for mu
}

func newTracker(o Observer) *tracker {
	return &tracker{observer: o, started: time.Now()}
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
	t.settledBytes.Store(p.Bytes)
	t.tell(p)
}

// done counts an item that ended well.
func (t *tracker) done(d ItemDone, isFile bool) {
	t.mu.Lock()
	t.progress.Done++
	switch d.Status {
	case StatusDelivered, StatusRenamed:
		t.result.Delivered++
		if isFile {
			t.result.Files++
			t.result.Bytes += d.Size
		}
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
	t.progress.Done++
	t.result.Failed++
	if len(t.result.Failures) < maxFailures {
		t.result.Failures = append(t.result.Failures, e)
	}
	t.mu.Unlock()
	t.tell(ItemFailed{Path: e.Path, Err: e})
}

// final is the result so far, with the time it took.
func (t *tracker) final() Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.result
	r.Elapsed = time.Since(t.started)
	return r
}
