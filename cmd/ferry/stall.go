package main

import (
	"fmt"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
)

// stallAfter is how long nothing may move before ferry says so.
const stallAfter = 10 * time.Second

// outage is a lost link.
type outage struct {
	since  time.Time
	window time.Duration
	cause  string
}

// outageOf is what is known of an outage after e; nil while there is none.
func outageOf(old *outage, e link.Event) *outage {
	switch e.Kind {
	case link.EventLost:
		o := &outage{since: time.Now(), window: e.Window}
		if e.Err != nil {
			o.cause = dialCause(e.Err)
		}
		return o
	case link.EventConnected, link.EventRejoined:
		return nil
	}
	return old
}

// line describes it: how long ago the link was lost, how long it is waited for, and why.
func (o outage) line(now time.Time) string {
	gone := now.Sub(o.since)
	s := fmt.Sprintf("link lost for %s, waiting up to %s more", clock(gone), clock(max(0, o.window-gone)))
	if o.cause != "" {
		s += ": " + o.cause
	}
	return s
}

// stall notices that nothing moves. It belongs to one goroutine.
type stall struct {
	seen  transfer.Progress
	phase transfer.Phase
	since time.Time // of what is seen
}

// check compares the progress with that of the last call. It returns how long nothing
// has changed if that is at least stallAfter, else 0.
func (s *stall) check(now time.Time, phase transfer.Phase, p transfer.Progress) time.Duration {
	p.Active = ""
	if s.since.IsZero() || p != s.seen || phase != s.phase {
		s.seen, s.phase, s.since = p, phase, now
	}
	d := now.Sub(s.since)
	if d < stallAfter || phase < transfer.PhaseScanning || phase > transfer.PhaseSyncing {
		return 0
	}
	return d
}

// peerDoes says what the other side does while nothing moves.
func peerDoes(l *link.Link) string {
	if l == nil { // both sides are here
		return ""
	}
	h, ok := l.PeerState()
	if !ok {
		return "nothing was heard of the other side"
	}
	switch h.State {
	case framing.StateDisk:
		return "the other side waits for its disk"
	case framing.StateHashing:
		return "the other side is hashing"
	case framing.StateSource:
		return "the other side waits for its input"
	case framing.StateUser:
		return "the other side waits for its user"
	case framing.StateSending:
		return "the other side is sending"
	}
	return "the other side waits"
}

func stallText(d time.Duration, peer string) string {
	text := "nothing moved for " + clock(d)
	if peer != "" {
		text += ": " + peer
	}
	return text
}
