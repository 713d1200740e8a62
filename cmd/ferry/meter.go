package main

import (
	"time"

	"ferry/transfer"
)

// With a longer window the rate hides a standstill; with a shorter one it shows how
// buffers fill in bursts.
const (
	// rateWindow is what the shown rate is averaged over.
	rateWindow = 5 * time.Second
	// rateStep is the least distance of two samples.
	rateStep = 250 * time.Millisecond
)

// meter computes the rate and the time left from the bytes that crossed the network in
// this delivery. Bytes that an earlier attempt left behind are progress, but not speed.
type meter struct {
	samples []sample // oldest first, spread over rateWindow
}

type sample struct {
	at    time.Time
	moved int64
}

// add notes how many bytes have moved by now. It keeps at most rateWindow/rateStep + 1
// samples.
func (m *meter) add(now time.Time, moved int64) {
	if n := len(m.samples); n > 0 && now.Sub(m.samples[n-1].at) < rateStep {
		return
	}
	m.samples = append(m.samples, sample{now, moved})
	old := 0
	for old < len(m.samples)-1 && now.Sub(m.samples[old].at) > rateWindow {
		old++
	}
	m.samples = m.samples[old:]
}

// rate is in bytes a second; 0 while nothing can be said.
func (m *meter) rate() float64 {
	n := len(m.samples)
	if n < 2 {
		return 0
	}
	first, last := m.samples[0], m.samples[n-1]
	return float64(last.moved-first.moved) / last.at.Sub(first.at).Seconds()
}

// left is the time that the rest takes at the present rate; ok is false while
// the total is not known or nothing moves.
func (m *meter) left(p transfer.Progress) (d time.Duration, ok bool) {
	rate, rest := m.rate(), p.Total-p.Bytes
	if !p.Exact || rate <= 0 || rest < 0 {
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
