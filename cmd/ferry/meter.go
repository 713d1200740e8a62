package main

import (
	"time"

	"ferry/transfer"
)

// With a longer window the rate hides a change; with a shorter one it shows how buffers
// fill in bursts.
const (
	// rateWindow is what the shown rate is averaged over.
	rateWindow = 5 * time.Second
	// rateStep is the least distance of two samples.
	rateStep = 200 * time.Millisecond
	// rateLeast is what has to be seen before a rate is told.
	rateLeast = time.Second
	// idleAfter is how long no byte may come or go before there is no rate any more.
	idleAfter = 2 * time.Second
)

// meter computes the rate and the time left from the bytes that crossed the network in
// this delivery. Bytes that an earlier attempt left behind are progress, but not speed.
//
// It starts anew when the link is lost or joined again, and when no byte came or went for
// idleAfter: an average over a standstill is the rate of nothing. It measures from one
// movement to another, so that the rate does not sink while none comes.
type meter struct {
	samples []sample  // oldest first, spread over rateWindow
	moved   int64     // as it was last seen, as are heard and breaks
	heard   uint64    // bytes
	breaks  int       // of the link
	active  time.Time // when bytes last came or went
}

type sample struct {
	at    time.Time
	moved int64
}

// add notes how many bytes have moved by now, and how many came of which the content is not
// yet known to be right. It keeps at most rateWindow/rateStep + 2 samples.
func (m *meter) add(now time.Time, s sight) {
	moved, heard := s.progress.Moved, uint64(0)
	if s.peer != nil {
		heard = s.peer.Received()
	}
	advanced := moved > m.moved
	switch {
	case s.lost != nil || s.breaks != m.breaks || moved < m.moved:
		m.samples, advanced = nil, false
	case advanced || heard != m.heard:
		m.active = now
	case now.Sub(m.active) >= idleAfter:
		m.samples = nil
	}
	m.moved, m.heard, m.breaks = moved, heard, s.breaks
	if n := len(m.samples); !advanced || n > 0 && now.Sub(m.samples[n-1].at) < rateStep {
		return
	}
	m.samples = append(m.samples, sample{now, moved})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= rateWindow {
		m.samples = m.samples[1:]
	}
}

// rate is in bytes a second; ok is false while nothing can be said.
func (m *meter) rate() (rate float64, ok bool) {
	n := len(m.samples)
	if n < 2 {
		return 0, false
	}
	first, last := m.samples[0], m.samples[n-1]
	d := last.at.Sub(first.at)
	return float64(last.moved-first.moved) / d.Seconds(), d >= rateLeast
}

// left is the time that the rest takes at the present rate; ok is false while
// the total is not known or nothing moves.
func (m *meter) left(p transfer.Progress) (d time.Duration, ok bool) {
	rate, known := m.rate()
	rest := max(p.Total-p.Bytes-p.Kept, 0)
	if !p.Exact || !known || rate <= 0 {
		return 0, false
	}
	// Beyond this the estimate says nothing but "long", and would overflow.
	const most = 1000 * time.Hour
	seconds := float64(rest) / rate
	if seconds > most.Seconds() {
		return most, true
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// pace makes numbers of what changes between two looks at a delivery. It belongs to one
// goroutine.
type pace struct {
	meter meter
	stall stall
}

// look returns what is to be shown now of what is in sight.
func (p *pace) look(now time.Time, s sight, verb string) view {
	v := view{verb: verb, phase: s.phase, progress: s.progress}
	p.meter.add(now, s)
	if v.moves() {
		v.rate, v.hasRate = p.meter.rate()
		v.left, v.hasLeft = p.meter.left(s.progress)
	}
	stalled, unheard := p.stall.check(now, s), silent(s)
	switch {
	case s.lost != nil:
		v.trouble = s.lost.trouble(now)
	case s.away.known(now, s.progress) && now.Sub(s.away.since) >= waitAfter:
		v.trouble = s.away.trouble(now)
	case unheard > 0:
		v.trouble = silenceTrouble(unheard)
	case verb == "send" && !p.meter.running(now) && s.phase <= transfer.PhaseTransfer && asks(s.peer):
		v.asked = true
	case stalled > 0:
		v.trouble = stallTrouble(stalled, peerDoes(s.peer))
	}
	return v
}

// running reports whether bytes came or went just now.
func (m *meter) running(now time.Time) bool { return now.Sub(m.active) < idleAfter }
