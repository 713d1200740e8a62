package main

import (
	"errors"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
)

// other is another side that says and sends what a test wants.
type other struct {
	state  framing.State
	heard  bool
	silent time.Duration
	got    uint64
}

func (o *other) PeerState() (framing.Heartbeat, bool) {
	return framing.Heartbeat{State: o.state}, o.heard
}
func (o *other) Silence() (time.Duration, bool) { return o.silent, o.silent >= 8*time.Second }
func (o *other) Received() uint64               { return o.got }

// watched is a delivery that a test makes go on, looked at ten times a second.
type watched struct {
	pace  pace
	now   time.Time
	sight sight
	verb  string
	peer  other
}

func watch(verb string) *watched {
	w := &watched{now: time.Unix(1000, 0), verb: verb}
	w.sight = sight{phase: transfer.PhaseTransfer, progress: transfer.Progress{Total: 1000 * mib, Exact: true}, peer: &w.peer}
	return w
}

// pass lets time pass, in which so many bytes a second move. It returns the last view.
func (w *watched) pass(d time.Duration, rate int64) (v view) {
	for range int(d / barTick) {
		w.now = w.now.Add(barTick)
		n := rate * int64(barTick) / int64(time.Second)
		w.sight.progress.Moved += n
		w.sight.progress.Bytes += n
		v = w.pace.look(w.now, w.sight, w.verb)
	}
	return v
}

func (w *watched) event(k link.EventKind, err error) {
	w.sight.takes(link.Event{Kind: k, Window: 10 * time.Minute, Err: err})
	if w.sight.lost != nil {
		w.sight.lost.since = w.now
	}
}

// What an earlier attempt left is progress but no speed, and nor is what is checked.
func TestMeterCountsTheSessionOnly(t *testing.T) {
	w := watch("send")
	w.sight.progress.Bytes, w.sight.progress.Kept = 300*mib, 200*mib
	if v := w.pass(900*time.Millisecond, 10*mib); v.hasRate || v.hasLeft {
		t.Errorf("after less than a second: %+v", v)
	}
	v := w.pass(9100*time.Millisecond, 10*mib)
	if !v.hasRate || v.rate != 10*mib {
		t.Errorf("the rate is %v MiB/s, %v", v.rate/mib, v.hasRate)
	}
	if !v.hasLeft || v.left != 40*time.Second {
		t.Errorf("left is %v, %v", v.left, v.hasLeft)
	}
	if n := len(w.pace.meter.samples); n > int(rateWindow/rateStep)+2 {
		t.Errorf("%d samples are kept", n)
	}
	w.sight.progress.Exact = false
	if v := w.pass(barTick, 10*mib); v.hasLeft || !v.hasRate {
		t.Errorf("while the total grows: %+v", v)
	}
	// A change of speed is seen within the window.
	if v := w.pass(rateWindow+time.Second, 2*mib); v.rate < 1.9*mib || v.rate > 2.1*mib {
		t.Errorf("the rate is %v MiB/s after a change", v.rate/mib)
	}
}

// The rate does not sink when nothing comes: it holds, and then there is none.
func TestMeterStandsStill(t *testing.T) {
	w := watch("send")
	w.pass(10*time.Second, 20*mib)
	for range 19 {
		if v := w.pass(barTick, 0); !v.hasRate || v.rate != 20*mib {
			t.Fatalf("%v MiB/s, %v", v.rate/mib, v.hasRate)
		}
	}
	v := w.pass(barTick, 0)
	if v.hasRate || v.hasLeft || v.trouble.known() {
		t.Errorf("after 2 s without a byte: %+v", v)
	}
	w.pass(5*time.Second, 0)
	// Nothing of the standstill is in the next rate.
	if v = w.pass(900*time.Millisecond, 20*mib); v.hasRate {
		t.Errorf("%v MiB/s after less than a second", v.rate/mib)
	}
	if v = w.pass(time.Second, 20*mib); !v.hasRate || v.rate != 20*mib {
		t.Errorf("%v MiB/s, %v", v.rate/mib, v.hasRate)
	}
}

// A chunk that comes slowly counts at its end, and is no standstill meanwhile.
func TestMeterOfSlowChunks(t *testing.T) {
	w := watch("receive")
	var v view
	for range 8 {
		for range 50 {
			w.peer.got += 20 << 10
			v = w.pass(barTick, 0)
		}
		w.sight.progress.Moved += mib
		v = w.pass(barTick, 0)
	}
	if want := float64(mib) / 5.1; !v.hasRate || v.rate < want*0.99 || v.rate > want*1.01 {
		t.Errorf("%v KiB/s, %v", v.rate/1024, v.hasRate)
	}
	if v = w.pass(4*time.Second, 0); v.hasRate {
		t.Error("a rate without a byte")
	}
}

// While the link is down the line says so; afterwards the meter starts anew.
func TestMeterAroundALoss(t *testing.T) {
	w := watch("send")
	w.pass(10*time.Second, 20*mib)
	w.event(link.EventLost, errors.New("connection reset"))
	v := w.pass(30*time.Second, 0)
	if got, want := barLine(v, 100, style{}), "sending  20%  link lost for 0:30, waiting up to 9:30 more: connection reset"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.event(link.EventRejoined, nil)
	if v := w.pass(time.Second, 0); v.hasRate || v.hasLeft || v.trouble.known() {
		t.Errorf("after the link is back: %+v", v)
	}
	for range 100 {
		v := w.pass(barTick, 20*mib)
		if v.hasRate && v.rate != 20*mib || v.hasLeft && (v.left > 41*time.Second || v.left < 29*time.Second) {
			t.Fatalf("%v MiB/s, %v left", v.rate/mib, v.left)
		}
	}
	if v := w.pass(barTick, 20*mib); !v.hasRate || !v.hasLeft {
		t.Errorf("%+v", v)
	}
}

// A side that was started again begins to count anew.
func TestMeterOfAnotherSession(t *testing.T) {
	w := watch("send")
	w.pass(5*time.Second, 20*mib)
	w.event(link.EventConnected, nil)
	w.sight.progress.Moved, w.sight.progress.Bytes = 0, 100*mib
	for range 50 {
		if v := w.pass(barTick, 5*mib); v.hasRate && v.rate != 5*mib {
			t.Fatalf("%v MiB/s", v.rate/mib)
		}
	}
}

// A standstill is said after a while, and only of a delivery whose link is up.
func TestStall(t *testing.T) {
	var s stall
	start, at := time.Now(), sight{progress: transfer.Progress{Bytes: 5, Active: "a"}}
	for _, tc := range []struct {
		seconds, want int
		change        func()
		phase         transfer.Phase
	}{
		{0, 0, func() {}, transfer.PhaseTransfer},
		{9, 0, func() {}, transfer.PhaseTransfer},
		{11, 11, func() { at.progress.Active = "b" }, transfer.PhaseTransfer},
		{12, 0, func() { at.progress.Bytes++ }, transfer.PhaseTransfer},
		{23, 11, func() {}, transfer.PhaseTransfer},
		{24, 0, func() {}, transfer.PhaseSyncing},
		{34, 10, func() {}, transfer.PhaseSyncing},
		{35, 0, func() { at.breaks++ }, transfer.PhaseSyncing},
		{44, 0, func() {}, transfer.PhaseSyncing},
		{45, 10, func() {}, transfer.PhaseSyncing},
		{46, 0, func() { at.progress.Kept++ }, transfer.PhaseSyncing},
		{47, 0, func() {}, transfer.PhaseComplete},
		{60, 0, func() {}, transfer.PhaseComplete},
	} {
		tc.change()
		at.phase = tc.phase
		if got := s.check(start.Add(time.Duration(tc.seconds)*time.Second), at); got != time.Duration(tc.want)*time.Second {
			t.Errorf("after %d s: %v, want %d s", tc.seconds, got, tc.want)
		}
	}
}

// What the other side said last is not told once it is not heard any more.
func TestSilence(t *testing.T) {
	w := watch("send")
	w.peer.heard, w.peer.state = true, framing.StateSending
	w.pass(5*time.Second, mib)
	w.peer.silent = 7 * time.Second
	if v := w.pass(time.Second, 0); v.trouble.known() {
		t.Errorf("between two heartbeats: %v", v.trouble)
	}
	w.peer.silent = 12 * time.Second
	if v := w.pass(20*time.Second, 0); v.trouble.whole() != "nothing heard from the other side for 0:12" {
		t.Errorf("says %v", v.trouble)
	}
	w.peer.silent = time.Second
	if v := w.pass(barTick, 0); v.trouble.whole() != "nothing moved for 0:21: the other side is sending" {
		t.Errorf("says %v", v.trouble)
	}
}

// The sender says that a person is asked, unless bytes move meanwhile.
func TestTheOtherSideIsAsked(t *testing.T) {
	w := watch("send")
	w.sight.phase = transfer.PhaseOffering
	if got := w.pass(time.Second, 0).label(wide); got != "waiting for the other side" {
		t.Errorf("says %q", got)
	}
	w.peer.heard, w.peer.state = true, framing.StateUser
	if got := w.pass(time.Minute, 0); got.label(wide) != "the other side is asked" || got.trouble.known() || got.percent() >= 0 {
		t.Errorf("says %q, %v", got.label(wide), got.trouble)
	}
	w.sight.phase = transfer.PhaseScanning
	if got := w.pass(time.Minute, 0); got.label(wide) != "the other side is asked" || got.trouble.known() {
		t.Errorf("says %q, %v", got.label(wide), got.trouble)
	}
	w.sight.phase = transfer.PhaseTransfer
	if got := w.pass(time.Second, mib).label(wide); got != "sending" {
		t.Errorf("says %q", got)
	}
	w.verb = "receive"
	if got := w.pass(5*time.Second, 0).label(wide); got != "receiving" {
		t.Errorf("says %q", got)
	}
}
