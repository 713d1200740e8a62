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
		verb: "send", phase: transfer.PhaseTransfer,
		progress: transfer.Progress{
			Bytes: 450 * mib, Moved: 450 * mib, Total: 1000 * mib, Done: 12, Items: 40, Exact: true, Active: "photos/2024/summer/IMG_0001.jpeg",
		},
		rate: 110.3 * mib, hasRate: true, left: 5 * time.Second, hasLeft: true,
	}
}

// scenes are what is shown in each phase.
func scenes() map[string]view {
	sending := moving()
	receiving := moving()
	receiving.verb = "receive"
	receiving.progress.Done, receiving.progress.Items = 1999, 20000
	copying := moving()
	copying.verb, copying.progress.Items, copying.progress.Active = "copy", 1, "disk.img"
	standing := moving()
	standing.hasRate, standing.hasLeft = false, false
	growing := moving()
	growing.progress.Exact, growing.hasLeft = false, false
	lost := moving()
	lost.trouble = outage{since: time.Unix(0, 0), window: 10 * time.Minute, cause: "connection reset by peer"}.trouble(time.Unix(12, 0))
	silent := moving()
	silent.trouble = silenceTrouble(10 * time.Second)
	stalled := moving()
	stalled.trouble = stallTrouble(10*time.Second, "the other side waits for its disk")
	asked := moving()
	asked.phase, asked.asked, asked.progress.Bytes, asked.progress.Done = transfer.PhaseOffering, true, 0, 0
	offering := asked
	offering.asked = false
	scanning := offering
	scanning.phase = transfer.PhaseScanning
	checking := moving()
	checking.progress.Bytes, checking.progress.Kept = 110*mib, 200*mib
	checking.hasRate, checking.hasLeft = false, false
	syncing := moving()
	syncing.phase, syncing.progress.Bytes, syncing.progress.Done = transfer.PhaseSyncing, 1000*mib, 40
	return map[string]view{
		"sending": sending, "receiving": receiving, "copying": copying, "standing": standing, "growing": growing, "lost": lost, "silent": silent,
		"stalled": stalled, "asked": asked, "offering": offering, "scanning": scanning, "checking": checking, "syncing": syncing,
	}
}

func TestBarLine(t *testing.T) {
	for name, lines := range barLines {
		for i, width := range []int{20, 40, 60, 80, 100, 140, 200} {
			if got, want := barLine(scenes()[name], width, style{}), lines[i]; got != want {
				t.Errorf("%s in %d columns:\n got %q\nwant %q", name, width, got, want)
			}
		}
	}
	if len(barLines) != len(scenes()) {
		t.Errorf("%d of %d scenes are looked at", len(barLines), len(scenes()))
	}
}

// Blocks need no brackets, and colours take no room.
func TestBarLineOfATerminalWithColours(t *testing.T) {
	v := moving()
	v.progress.Active = "caf\u00e9"
	for st, want := range map[style]string{
		{blocks: true}: "sending  45% █████░░░░░░░   110 MiB/s   0:05 left  12/40  caf\u00e9",
		{colour: true}: "sending \x1b[1m 45%\x1b[m [\x1b[32m====>\x1b[m       ]   110 MiB/s   0:05 left  12/40  \x1b[2mcaf\u00e9\x1b[m",
		{true, true}:   "sending \x1b[1m 45%\x1b[m \x1b[32m█████\x1b[m\x1b[2m░░░░░░░\x1b[m   110 MiB/s   0:05 left  12/40  \x1b[2mcaf\u00e9\x1b[m",
	} {
		if got := barLine(v, 80, st); got != want {
			t.Errorf("with %+v:\n got %q\nwant %q", st, got, want)
		}
	}
	if got, want := barLine(scenes()["silent"], 80, style{colour: true}), "sending \x1b[1m 45%\x1b[m  \x1b[33mnothing heard from the other side for 0:10\x1b[m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is wrong takes the place of what would be true if it were not. A cause is told as far
// as it says something, or not at all.
func TestTroubleLine(t *testing.T) {
	v, now := moving(), time.Now()
	out := outage{since: now.Add(-12 * time.Second), window: 10 * time.Minute, cause: "connection \x1b[1mreset"}
	v.trouble = out.trouble(now)
	for width, want := range map[int]string{
		40:  "sending  45%  link lost for 0:12",
		50:  ` 45%  link lost for 0:12: connection \x1b[1mreset`,
		60:  `sending  45%  link lost for 0:12: connection \x1b[1mreset`,
		120: `sending  45%  link lost for 0:12, waiting up to 9:48 more: connection \x1b[1mreset`,
	} {
		if got := barLine(v, width, style{}); got != want {
			t.Errorf("in %d columns:\n got %q\nwant %q", width, got, want)
		}
	}
	if got, want := barLine(scenes()["lost"], 34, style{}), "sending  45%  link lost for 0:12"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.cause = "a cause that is far longer than the line has room for"
	long := v
	long.trouble = out.trouble(now)
	if got, want := barLine(long, 60, style{}), "sending  45%  link lost for 0:12: a cause tha...as room for"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := plainLine(v), `sending 45%, link lost for 0:12, waiting up to 9:48 more: connection \x1b[1mreset`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever the width and the names, a line stays inside of the terminal.
func TestBarLineFits(t *testing.T) {
	t.Parallel()
	troubled := outage{window: time.Minute, cause: "c\x1b[2J\u202e" + strings.Repeat("日本", 100)}.trouble(time.Unix(1, 0))
	v := moving()
	for _, name := range []string{"", "x", v.progress.Active, strings.Repeat("日本", 100), "a\x1b[2J\u202e" + strings.Repeat("\xff", 40), "\u05d0\u05d1"} {
		v.progress.Active = name
		for _, exact := range []bool{true, false} {
			v.progress.Exact = exact
			for _, done := range []int64{0, 1, 500 * mib, 1000 * mib, 1001 * mib} {
				v.progress.Bytes = done
				for _, phase := range []transfer.Phase{0, transfer.PhaseScanning, transfer.PhaseTransfer, transfer.PhaseSyncing} {
					v.phase = phase
					for width := 1; width < 200; width += 1 + width/10 {
						for _, v.trouble = range []trouble{{}, troubled} {
							line := barLine(v, width, style{blocks: true})
							if columns(line) >= width && width > 1 || needsEscape(unisolated(line)) {
								t.Fatalf("%q takes %d of %d columns", line, columns(line), width)
							}
						}
					}
				}
			}
		}
	}
}

// The fields in front of the name stay where they are, whatever the numbers are.
func TestFieldsKeepTheirColumns(t *testing.T) {
	end := func(v view) int { return strings.LastIndex(barLine(v, 80, style{}), "  ") }
	want := end(moving())
	for _, name := range []string{"a", "photos/2024/summer/IMG_0001.jpeg"} {
		for _, rate := range []float64{1, 1000, 1023 << 10, 999 * mib} {
			for _, left := range []time.Duration{0, 59 * time.Second, 59*time.Minute + 59*time.Second, time.Hour, 30 * time.Hour, 1000 * time.Hour} {
				for _, done := range []int64{0, 7, 40} {
					for _, known := range []bool{true, false} {
						v := moving()
						v.progress.Active, v.rate, v.left, v.progress.Done, v.hasRate, v.hasLeft = name, rate, left, done, known, known
						if got := end(v); got != want {
							t.Fatalf("the name moves from column %d to %d: %q", want, got, barLine(v, 80, style{}))
						}
					}
				}
			}
		}
	}
}

func TestLeftText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00", 59*time.Minute + 59*time.Second: "59:59", time.Hour - time.Millisecond: "1h00m", 90 * time.Minute: "1h30m",
		10*time.Hour - time.Second: "10h", 99 * time.Hour: "99h", 1000 * time.Hour: "41d",
	} {
		if got := leftText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
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
	if got, want := plainLine(scenes()["asked"]), "the other side is asked, 1000 MiB, 40 items"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
