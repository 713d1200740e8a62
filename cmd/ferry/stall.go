package main

import (
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

// takes notes what e says of the link.
func (s *sight) takes(e link.Event) {
	s.lost = outageOf(s.lost, e)
	switch e.Kind {
	case link.EventLost, link.EventConnected, link.EventRejoined:
		s.breaks++
	}
}

// trouble tells how long ago the link was lost, how long it is waited for, and why.
func (o outage) trouble(now time.Time) trouble {
	gone := now.Sub(o.since)
	short := "link lost for " + clock(gone)
	return trouble{what: []string{short + ", waiting up to " + clock(max(0, o.window-gone)) + " more", short}, cause: o.cause}
}

// stall notices that nothing moves. It belongs to one goroutine.
type stall struct {
	seen   transfer.Progress
	phase  transfer.Phase
	breaks int
	since  time.Time // of what is seen
}

// check compares the progress with that of the last call. It returns how long nothing
// has changed if that is at least stallAfter, else 0.
func (t *stall) check(now time.Time, s sight) time.Duration {
	p := s.progress
	p.Active = ""
	if t.since.IsZero() || p != t.seen || s.phase != t.phase || s.breaks != t.breaks || s.lost != nil {
		t.seen, t.phase, t.breaks, t.since = p, s.phase, s.breaks, now
	}
	d := now.Sub(t.since)
	if d < stallAfter || s.phase < transfer.PhaseScanning || s.phase > transfer.PhaseSyncing {
		return 0
	}
	return d
}

// peerDoes says what the other side does while nothing moves.
func peerDoes(p peer) string {
	if p == nil { // both sides are here
		return ""
	}
	h, ok := p.PeerState()
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

// asks reports whether a person at the other side is asked something, as far as was heard.
func asks(p peer) bool {
	if p == nil {
		return false
	}
	h, ok := p.PeerState()
	return ok && h.State == framing.StateUser
}

// silent reports since when a heartbeat of the other side is overdue; 0 while none is.
func silent(s sight) time.Duration {
	if s.peer == nil || s.phase < transfer.PhaseOffering || s.phase > transfer.PhaseSyncing {
		return 0
	}
	if d, overdue := s.peer.Silence(); overdue {
		return d
	}
	return 0
}

func silenceTrouble(d time.Duration) trouble {
	return trouble{what: []string{"nothing heard from the other side for " + clock(d), "nothing heard for " + clock(d), "silent for " + clock(d)}}
}

func stallTrouble(d time.Duration, peer string) trouble {
	return trouble{what: []string{"nothing moved for " + clock(d), "stalled for " + clock(d)}, cause: peer}
}
