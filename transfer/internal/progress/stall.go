package progress

import (
	"context"
	"fmt"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
)

// stallTick is how often a delivery is looked at. Looks are counted, and not the
// time between them: a process that was stopped has not waited.
const stallTick = 5 * time.Second

// stallLimit is how long a delivery may stand still while one of its sides is in
// state s.
func stallLimit(s framing.State) time.Duration {
	switch s {
	case framing.StateUser:
		return time.Hour
	case framing.StateSource:
		return 24 * time.Hour // a pipe that nobody fills is nobody's fault
	case framing.StateDisk:
		return 30 * time.Minute // one sync of a slow disk cannot tell how far it is
	}
	return 2 * time.Minute
}

// AtDisk notes that a goroutine is in one call to a disk, until done is called.
func (t *Tracker) AtDisk() (done func()) {
	t.busy.Add(1)
	return func() {
		t.busy.Add(-1)
		t.calls.Add(1)
	}
}

// OffDisk notes that a goroutine that is in a call to a disk waits for something else,
// until back is called.
func (t *Tracker) OffDisk() (back func()) {
	t.busy.Add(-1)
	return func() { t.busy.Add(1) }
}

// trickle is how many bytes that come are progress by themselves before something
// has to be done with them: more than a chunk on every stream and what goes beside
// them, counted twice as long records are, since over the slowest links that takes
// longer than any limit. What is sent for nothing stops to count.
const trickle = 2 * (link.MaxStreams + 1) << 20

// Heartbeat is what this side says of itself while it is in state own, and
// received so many bytes.
func (t *Tracker) Heartbeat(own uint32, received uint64) (state uint8, progress uint64) {
	t.said.Lock()
	work := t.work.Load()
	if work != t.before {
		t.before, t.mark = work, received
	}
	// Each work counts for more than all that can trickle in between.
	progress = work<<16 + min(received-t.mark, trickle)>>10
	t.said.Unlock()
	if t.stuck.Load() && (framing.State(own) == framing.StateIdle || framing.State(own) == framing.StateSending) {
		return uint8(framing.StateDisk), progress
	}
	return uint8(own), progress
}

// WatchStall ends a delivery in which neither side gets anything done for longer
// than either may need: a peer that only heartbeats is not served for ever.
// While the link is lost its own limit holds. It returns nil when over is
// closed.
func WatchStall(ctx context.Context, l *link.Link, t *Tracker, own func() (state uint8, progress uint64), over <-chan struct{}) error {
	type look struct {
		own, peer framing.Heartbeat
	}
	var seen look
	var calls uint64
	var still time.Duration
	tick := time.NewTicker(stallTick)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		n := t.calls.Load()
		t.stuck.Store(t.busy.Load() > 0 && n == calls)
		calls = n
		state, progress := own()
		peer, _ := l.PeerState()
		now := look{framing.Heartbeat{State: framing.State(state), Progress: progress}, peer}
		if _, _, lost := l.Lost(); lost || now != seen {
			seen, still = now, 0
			continue
		}
		still += stallTick
		if limit := max(stallLimit(now.own.State), stallLimit(peer.State)); still >= limit {
			return &transfer.Error{Op: "waiting for the other side:", Code: framing.CodeGaveUp,
				Err: fmt.Errorf("the link is up, and nothing was done for %v", limit)}
		}
	}
}
