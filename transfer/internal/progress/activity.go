package progress

import (
	"sync"
	"sync/atomic"

	"ferry/framing"
)

// Activity is what one side is doing, as its heartbeats say it. All goroutines of a
// delivery use it.
type Activity struct {
	state atomic.Uint32 // a framing.State
	work  atomic.Uint64 // grows with all that gets done
	busy  atomic.Int32  // calls to a disk under way
	calls atomic.Uint64 // and those that have returned
	stuck atomic.Bool   // none has for a while

	mu     sync.Mutex // guards what follows
	before uint64     // work, when the last heartbeat was made
	mark   uint64     // and the bytes received when it last grew
}

// Be says what this side is doing from now on, and returns what it did until now.
func (a *Activity) Be(s framing.State) (was framing.State) {
	return framing.State(a.state.Swap(uint32(s)))
}

// Worked notes that something got done.
func (a *Activity) Worked() { a.work.Add(1) }

// AtDisk notes that a goroutine is in one call to a disk, until done is called.
func (a *Activity) AtDisk() (done func()) {
	a.busy.Add(1)
	return func() {
		a.busy.Add(-1)
		a.calls.Add(1)
	}
}

// OffDisk notes that a goroutine that is in a call to a disk waits for something else,
// until back is called.
func (a *Activity) OffDisk() (back func()) {
	a.busy.Add(-1)
	return func() { a.busy.Add(1) }
}

// trickle is how many bytes that come count as progress before something is done with
// them. Over the slowest links a chunk on every stream takes longer than any limit of a
// stall, so that much has to count. It counts twice, since the bytes of long records do.
// A peer that sends bytes for nothing is stalled once they are more.
const trickle = 2 * (framing.MaxStreams + 1) << 20

// Heartbeat is what this side says of itself after it received so many bytes.
func (a *Activity) Heartbeat(received uint64) (state uint8, progress uint64) {
	a.mu.Lock()
	work := a.work.Load()
	if work != a.before {
		a.before, a.mark = work, received
	}
	// Each work counts for more than all that can trickle in between.
	progress = work<<16 + min(received-a.mark, trickle)>>10
	a.mu.Unlock()
	own := framing.State(a.state.Load())
	if a.stuck.Load() && (own == framing.StateIdle || own == framing.StateSending) {
		own = framing.StateDisk
	}
	return uint8(own), progress
}

// look finds out whether the disk is stuck: calls are under way, and none has returned
// since the last look. calls is what the last look returned: how many had.
func (a *Activity) look(calls uint64) uint64 {
	n := a.calls.Load()
	a.stuck.Store(a.busy.Load() > 0 && n == calls)
	return n
}
