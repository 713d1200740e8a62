package main

import (
	"io"
	"sync/atomic"
	"time"

	"ferry/transfer"
)

// resultsHeld is how much of the results may be held back, in bytes. On a terminal they come
// in whole lines, after flushFrom of them or flushAfter: progress stands below them.
const (
	resultsHeld = 64 << 10
	flushFrom   = 2 << 10
	flushAfter  = 100 * time.Millisecond
)

// What checksum and verify do, as progress calls it.
const (
	hashes   = "hashing"
	compares = "checking"
)

// hashing is the progress of checksum and verify.
type hashing struct {
	screen *screen
	verb   string
	bytes  atomic.Int64 // read
	files  atomic.Int64 // settled
	above  bool         // results go to the same terminal
	last   time.Time    // when they were last flushed

	meter meter // of picture, which the loop of screen calls
}

// begin shows progress, at a terminal or where it is asked for.
func (s *sums) begin(verb string) {
	always := s.flags.progress == "always"
	if s.flags.json || s.flags.quiet || s.flags.progress == "never" || !s.env.redraws() && !always {
		return
	}
	h := &hashing{verb: verb, above: s.env.StdoutTTY}
	tick, width := alwaysTick, (func() int)(nil)
	if s.env.redraws() {
		tick, width = barTick, s.env.Width
	}
	h.screen = newScreen(s.env.Stderr, width, s.env.style(), time.NewTicker(tick), h.picture)
	if s.env.StderrTTY {
		h.screen.columns = s.env.Width
	}
	s.progress = h
	if h.above {
		s.out.Reset(above{h.screen, s.env.Stdout})
	}
}

// end takes the progress away, and has all results written.
func (s *sums) end() {
	s.flush()
	if s.progress != nil {
		s.progress.screen.close()
		s.out.Reset(s.env.Stdout)
		s.progress = nil
	}
}

// picture is the progress now.
func (h *hashing) picture(now time.Time) (view, bool) {
	n := h.bytes.Load()
	v := view{verb: h.verb, phase: transfer.PhaseTransfer, progress: transfer.Progress{Bytes: n, Moved: n, Items: h.files.Load()}}
	h.meter.add(now, sight{progress: v.progress})
	v.rate, v.hasRate = h.meter.rate()
	return v, n > 0
}

// read is checksum.FilesOptions.Read.
func (h *hashing) read() func(int) {
	if h == nil {
		return nil
	}
	return func(n int) { h.bytes.Add(int64(n)) }
}

// settled counts a file.
func (h *hashing) settled() {
	if h != nil {
		h.files.Add(1)
	}
}

// due reports whether so many bytes of results are to be shown now.
func (h *hashing) due(held int) bool {
	if h == nil || !h.above {
		return false
	}
	now := time.Now()
	if held < flushFrom && now.Sub(h.last) < flushAfter {
		return false
	}
	h.last = now
	return true
}

// above writes whole lines to a terminal above the line that changes.
type above struct {
	screen *screen
	out    io.Writer
}

func (a above) Write(p []byte) (int, error) {
	l := letter{text: string(p), out: a.out, written: make(chan error, 1)}
	a.screen.add(l)
	if err := <-l.written; err != nil { // the screen ends after the last results
		return 0, err
	}
	return len(p), nil
}
