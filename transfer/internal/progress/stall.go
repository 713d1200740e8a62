package progress

import (
	"context"
	"fmt"
	"time"

	"ferry/framing"
	"ferry/transfer"
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

// WatchStall ends a delivery in which neither side gets anything done for longer
// than either may need: a peer that only heartbeats is not served for ever.
// While the link is lost its own limit holds. It returns nil when over is
// closed.
func WatchStall(ctx context.Context, l transfer.Liveness, a *Activity, over <-chan struct{}) error {
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
		calls = a.look(calls)
		state, progress := a.Heartbeat(l.Received())
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
