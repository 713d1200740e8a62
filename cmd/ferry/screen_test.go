package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
)

func TestBarOnATerminal(t *testing.T) {
	ticks := make(chan time.Time)
	var out bytes.Buffer
	width := 60
	c := newConsole(&out, outputFlags{}, func() int { return width }, &time.Ticker{C: ticks})
	now := time.Unix(0, 0)
	tick(ticks, now) // nothing began, nothing is shown
	c.Observe(transfer.PhaseChanged{Phase: transfer.PhaseTransfer})
	c.Observe(transfer.Progress{Bytes: 0, Total: 100 * mib, Exact: true})
	tick(ticks, now)
	c.Observe(transfer.Progress{Bytes: 10 * mib, Moved: 10 * mib, Total: 100 * mib, Exact: true})
	tick(ticks, now.Add(time.Second))
	c.Observe(transfer.Progress{Bytes: 20 * mib, Moved: 20 * mib, Total: 100 * mib, Exact: true})
	tick(ticks, now.Add(2*time.Second))
	c.Observe(transfer.ItemFailed{Path: "x", Err: &transfer.Error{Code: framing.CodeVanished}})
	_ = c.finish(outcome{began: true, result: transfer.Result{Delivered: 1, Durable: true, Acknowledged: true}})
	got := out.String()
	for _, want := range []string{
		"\rsending   0% [            ]          --     -- left" + eraseRest,
		"\rsending  20% [=>          ]  10.0 MiB/s   0:08 left" + eraseRest,
		"\r" + eraseRest + "not delivered: x: not there\n",
		"1 item delivered; 0 B in 0 ms, 0 B over the network\n",
	} {
		at := strings.Index(got, want)
		if at < 0 {
			t.Fatalf("%q is missing or too early in %q", want, out.String())
		}
		got = got[at:]
	}
}

func TestPlainProgress(t *testing.T) {
	ticks := make(chan time.Time)
	var out bytes.Buffer
	c := newConsole(&out, outputFlags{}, nil, &time.Ticker{C: ticks})
	c.Observe(transfer.PhaseChanged{Phase: transfer.PhaseComparing})
	ticks <- time.Unix(0, 0)
	_ = c.finish(outcome{})
	if got, want := out.String(), "checking what is there, 0 B\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// While a question stands nothing is drawn over it, and it is shown again below
// a line that had to be said.
func TestQuestion(t *testing.T) {
	ticks := make(chan time.Time)
	var out bytes.Buffer
	c := newConsole(&out, outputFlags{}, func() int { return 80 }, &time.Ticker{C: ticks})
	c.Observe(transfer.PhaseChanged{Phase: transfer.PhaseTransfer})
	c.screen.ask(func() {}, "", "take it? ")
	c.say("a line")
	c.screen.answered()
	_ = c.finish(outcome{})
	if got, want := out.String(), "take it? \na line\ntake it? "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
