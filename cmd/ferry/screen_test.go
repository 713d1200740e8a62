package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivo/uniseg"

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
	settle(c)
	c.Observe(transfer.Progress{Bytes: 10 * mib, Moved: 10 * mib, Total: 100 * mib, Exact: true})
	tick(ticks, now.Add(time.Second))
	settle(c)
	c.Observe(transfer.Progress{Bytes: 20 * mib, Moved: 20 * mib, Total: 100 * mib, Exact: true})
	tick(ticks, now.Add(2*time.Second))
	c.Observe(transfer.ItemFailed{Path: "x", Err: &transfer.Error{Code: framing.CodeVanished}})
	_ = c.finish(outcome{began: true, result: transfer.Result{Delivered: 1, Durable: true, Acknowledged: true}})
	got := out.String()
	for _, want := range []string{
		"\rsending   0% [            ]          --     -- left" + eraseRest,
		"\rsending  20% [=>          ]  10.0 MiB/s   0:08 left" + eraseRest,
		"\r" + eraseRest + "not delivered: x: not there\n",
		"1 item delivered; 0 B in 0 ms\n",
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

// glass is a terminal as far as the line that changes needs one. It wraps nothing: what is
// written beyond its columns is a fault.
type glass struct {
	t     *testing.T
	width int

	mu   sync.Mutex
	rows [][]string // of cells; the second cell of a wide rune is empty
	at   int        // column in the last row
}

func (g *glass) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rows == nil {
		g.rows = [][]string{nil}
	}
	for rest := string(p); rest != ""; {
		row := &g.rows[len(g.rows)-1]
		if after, ok := strings.CutPrefix(rest, "\x1b["); ok {
			end := strings.IndexAny(after, "Km")
			if after[end] == 'K' {
				*row = (*row)[:min(g.at, len(*row))]
			}
			rest = after[end+1:]
			continue
		}
		cluster, after, n, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		rest = after
		switch cluster {
		case "\r":
			g.at = 0
		case "\n":
			g.rows, g.at = append(g.rows, nil), 0
		default:
			for len(*row) < g.at+n {
				*row = append(*row, "")
			}
			(*row)[g.at] = cluster
			for i := 1; i < n; i++ {
				(*row)[g.at+i] = ""
			}
			if g.at += n; g.at >= g.width {
				g.t.Errorf("%d of %d columns are full", g.at, g.width)
			}
		}
	}
	return len(p), nil
}

func (g *glass) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var rows []string
	for _, r := range g.rows {
		rows = append(rows, strings.Join(r, ""))
	}
	return strings.Join(rows, "\n")
}

// passed is an entry that shows nothing: what was put before it has been shown.
type passed chan struct{}

func (p passed) show(*screen) { close(p) }

// settle returns once all that was put before is shown: tick draws twice.
func settle(c *console) {
	p := make(passed)
	c.screen.add(p)
	<-p
}

// Whatever stood there before, a redraw leaves nothing of it, and nor does a line.
func TestARedrawLeavesNoRests(t *testing.T) {
	for _, st := range []style{{}, {colour: true, blocks: true}} {
		for _, width := range []int{20, 40, 60, 80, 140} {
			ticks := make(chan time.Time)
			g := &glass{t: t, width: width}
			c := newConsole(g, outputFlags{verb: "send", style: st}, func() int { return width }, &time.Ticker{C: ticks})
			c.screen.columns = func() int { return width }
			c.Observe(transfer.PhaseChanged{Phase: transfer.PhaseTransfer})
			said := ""
			for i, name := range []string{"a", strings.Repeat("long", 30), "", "日本語.txt", "x\x1b[2Jy", strings.Repeat("日", 80), "b"} {
				p := transfer.Progress{Bytes: int64(i) * mib, Moved: int64(i) * mib, Total: 100 * mib, Items: 9, Exact: i%3 != 2, Active: name}
				c.Observe(p)
				tick(ticks, time.Unix(int64(i), 0))
				v := view{verb: "send", phase: transfer.PhaseTransfer, progress: p, rate: mib, hasRate: i > 1, hasLeft: i > 1 && p.Exact, left: time.Duration(100-i) * time.Second}
				if got, want := g.text(), said+barLine(v, width, style{blocks: st.blocks}); got != want {
					t.Fatalf("in %d columns, step %d:\n%s\nwant\n%s", width, i, got, want)
				}
				c.say(fmt.Sprintf("line %d", i))
				said += fmt.Sprintf("line %d\n", i)
				settle(c)
			}
			c.screen.close()
			if got := g.text(); got != said { // nothing is left of the line that changed
				t.Fatalf("in %d columns, at the end:\n%s\nwant\n%s", width, got, said)
			}
		}
	}
}

// What was said before a line is edited stands above it: whoever edits writes at once.
func TestLinesStandAboveTheEditedOne(t *testing.T) {
	var said, edited bytes.Buffer
	s := newScreen(&said, nil, style{}, nil, nil)
	defer s.close()
	var want strings.Builder
	for range 100 {
		s.say("a line")
		want.WriteString("a line\n")
	}
	s.edit(&edited)
	if s.say("behind"); said.String() != want.String() {
		t.Errorf("%d bytes of %d stand above the line", said.Len(), want.Len())
	}
	s.edit(nil)
	if got := edited.String(); got != "behind\n" {
		t.Errorf("through the line came %q", got)
	}
}
