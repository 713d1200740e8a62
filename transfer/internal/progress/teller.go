package progress

import (
	"sync"

	"ferry/transfer"
)

// mostUntold is how many events may wait for an Observer that is slow. A goroutine that
// causes more waits for it.
const mostUntold = 1024

// teller hands events to an Observer, in the order in which they were put. The goroutine
// that finds nobody telling tells all that there are.
type teller struct {
	to    transfer.Observer // nil: nobody listens
	other remarks           // for the other side

	mu      sync.Mutex
	room    sync.Cond // fewer wait
	waiting []transfer.Event
	spare   []transfer.Event // what was told last, cleared, to be filled again; nil: in use
	telling bool             // a goroutine is at it
}

func (t *teller) init(to transfer.Observer) {
	t.to = to
	t.room.L = &t.mu
}

// put adds an event, which tell will tell. It never waits.
func (t *teller) put(e transfer.Event) {
	t.other.event(e)
	if t.to == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, snapshot := e.(transfer.Progress); snapshot && len(t.waiting) > 0 {
		last := &t.waiting[len(t.waiting)-1]
		if _, snapshot := (*last).(transfer.Progress); snapshot {
			*last = e
			return
		}
	}
	t.waiting = append(t.waiting, e)
}

// tell has what was put told. Callers hold no lock.
func (t *teller) tell() {
	if t.to == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.telling && len(t.waiting) > mostUntold {
		t.room.Wait()
	}
	if t.telling {
		return // that goroutine tells these too
	}
	t.telling = true
	defer func() { // also if an Observer ends the goroutine
		t.telling = false
		t.room.Broadcast()
	}()
	for len(t.waiting) > 0 {
		t.batch()
	}
}

// batch tells what waits. It is called with mu, and gives it up meanwhile.
func (t *teller) batch() {
	events := t.waiting
	t.waiting, t.spare = t.spare, nil
	t.room.Broadcast()
	t.mu.Unlock()
	defer func() {
		clear(events)
		t.mu.Lock()
		t.spare = events[:0]
	}()
	for _, e := range events {
		t.to.Observe(e)
	}
}
