package main

import (
	"strings"
	"testing"
	"time"

	"ferry/transfer"
)

const mib = 1 << 20

func moving() view {
	return view{
		phase: transfer.PhaseTransfer,
		progress: transfer.Progress{
			Bytes: 450 * mib, Moved: 450 * mib, Total: 1000 * mib, Done: 12, Items: 40, Exact: true, Active: "photos/2024/summer/IMG_0001.jpeg",
		},
		rate: 110.3 * mib, left: 5 * time.Second, hasLeft: true,
	}
}

func TestBarLine(t *testing.T) {
	for width, want := range map[int]string{
		20:  "sending  45%",
		30:  "sending  45%  450 MiB",
		40:  "sending  45%  450 MiB  110 MiB/s  0:05",
		60:  "sending  45%  450 MiB of 1000 MiB  110 MiB/s  0:05 left",
		80:  "sending  45%  450 MiB of 1000 MiB  110 MiB/s  0:05 left  12 of 40 items",
		100: "sending  45% [==========>              ]  450 MiB of 1000 MiB  110 MiB/s  0:05 left  12 of 40 items",
		120: "sending  45% [===>       ]  450 MiB of 1000 MiB  110 MiB/s  0:05 left  12 of 40 items  photos/2024/summer/IMG_0001.jpeg",
		160: "sending  45% [============>                 ]  450 MiB of 1000 MiB  110 MiB/s  0:05 left  12 of 40 items  photos/2024/summer/IMG_0001.jpeg",
	} {
		if got := barLine(moving(), width); got != want {
			t.Errorf("in %d columns:\n got %q\nwant %q", width, got, want)
		}
	}
}

// What is wrong takes the place of what would be true if it were not.
func TestTroubleLine(t *testing.T) {
	v, now := moving(), time.Now()
	v.trouble = outage{since: now.Add(-12 * time.Second), window: 10 * time.Minute, cause: "connection \x1b[1mreset"}.line(now)
	for width, want := range map[int]string{
		40:  "sending  45%  link lost for 0:12, waiti",
		120: `sending  45%  link lost for 0:12, waiting up to 9:48 more: connection \x1b[1mreset`,
	} {
		if got := barLine(v, width); got != want {
			t.Errorf("in %d columns:\n got %q\nwant %q", width, got, want)
		}
	}
	if got, want := plainLine(v), `sending 45%, link lost for 0:12, waiting up to 9:48 more: connection \x1b[1mreset`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A standstill is said after a while, and only of a delivery.
func TestStall(t *testing.T) {
	var s stall
	start, p := time.Now(), transfer.Progress{Bytes: 5, Active: "a"}
	at := func(seconds int, phase transfer.Phase) time.Duration {
		return s.check(start.Add(time.Duration(seconds)*time.Second), phase, p)
	}
	for _, tc := range []struct {
		seconds, want int
		change        func()
		phase         transfer.Phase
	}{
		{0, 0, func() {}, transfer.PhaseTransfer},
		{9, 0, func() {}, transfer.PhaseTransfer},
		{11, 11, func() { p.Active = "b" }, transfer.PhaseTransfer},
		{12, 0, func() { p.Bytes++ }, transfer.PhaseTransfer},
		{23, 11, func() {}, transfer.PhaseTransfer},
		{24, 0, func() {}, transfer.PhaseSyncing},
		{34, 10, func() {}, transfer.PhaseSyncing},
		{35, 0, func() {}, transfer.PhaseComplete},
		{60, 0, func() {}, transfer.PhaseComplete},
	} {
		tc.change()
		if got := at(tc.seconds, tc.phase); got != time.Duration(tc.want)*time.Second {
			t.Errorf("after %d s: %v, want %d s", tc.seconds, got, tc.want)
		}
	}
}

// Whatever the width and the names, a line stays inside of the terminal.
func TestBarLineFits(t *testing.T) {
	v := moving()
	for _, name := range []string{"", "x", v.progress.Active, strings.Repeat("日本", 100), "a\x1b[2J\u202e" + strings.Repeat("\xff", 40)} {
		v.progress.Active = name
		for _, exact := range []bool{true, false} {
			v.progress.Exact = exact
			for _, done := range []int64{0, 1, 500 * mib, 1000 * mib, 1001 * mib} {
				v.progress.Bytes = done
				for _, phase := range []transfer.Phase{0, transfer.PhaseScanning, transfer.PhaseTransfer, transfer.PhaseSyncing} {
					v.phase = phase
					for width := 1; width < 200; width++ {
						line := barLine(v, width)
						if columns(line) >= width || needsEscape(line) {
							t.Fatalf("%q takes %d of %d columns", line, columns(line), width)
						}
					}
				}
			}
		}
	}
}

func TestPlainLine(t *testing.T) {
	v := moving()
	if got, want := plainLine(v), "sending 45%, 450 MiB of 1000 MiB, 110 MiB/s, 0:05 left, 12 of 40 items, photos/2024/summer/IMG_0001.jpeg"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	v.progress.Exact, v.hasLeft = false, false
	if got, want := plainLine(v), "sending, 450 MiB, 110 MiB/s, 40 items, photos/2024/summer/IMG_0001.jpeg"; got != want {
		t.Errorf("while scanning: got %q, want %q", got, want)
	}
	if got, want := plainLine(view{phase: transfer.PhaseSyncing}), "syncing, 0 B"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What an earlier attempt left is progress but no speed.
func TestMeterCountsTheSessionOnly(t *testing.T) {
	var m meter
	start := time.Unix(1000, 0)
	p := transfer.Progress{Total: 2000 * mib, Bytes: 1000 * mib, Exact: true}
	for i := range 21 {
		p.Moved, p.Bytes = int64(i)*5*mib, 1000*mib+int64(i)*5*mib
		m.add(start.Add(time.Duration(i)*500*time.Millisecond), p.Moved)
	}
	if got := m.rate(); got != 10*mib {
		t.Errorf("rate is %v, want 10 MiB/s", got/mib)
	}
	if left, ok := m.left(p); !ok || left != 90*time.Second {
		t.Errorf("left is %v, %v, want 1m30s", left, ok)
	}
	if n := len(m.samples); n > 22 {
		t.Errorf("%d samples are kept", n)
	}
	p.Exact = false
	if _, ok := m.left(p); ok {
		t.Error("time left is told while the total grows")
	}
	// A change of speed is seen within the window.
	for i := range 11 {
		m.add(start.Add(10*time.Second+time.Duration(i+1)*500*time.Millisecond), 100*mib)
	}
	if got := m.rate(); got != 0 {
		t.Errorf("rate is %v after a standstill, want 0", got)
	}
	if _, ok := m.left(transfer.Progress{Total: 1, Exact: true}); ok {
		t.Error("time left is told while nothing moves")
	}
}
