package main

import (
	"io"
	"time"
)

// queuedLines is how many lines may wait for standard error. Whoever says one more
// waits until standard error takes some.
const queuedLines = 1024

// screen is standard error as people see it: lines, below them one that changes,
// and questions. Its loop alone writes, until close has ended it. A failing
// standard error is not reported: there is no place left to report it to, and the
// exit code still tells how things ended.
type screen struct {
	out   io.Writer
	width func() int // nil: lines only, nothing is redrawn
	style style
	// columns is the width of the terminal that out is, nil if it is none.
	columns func() int
	// picture is what the line that changes shows; false: nothing yet.
	picture func(now time.Time) (view, bool)

	ticker *time.Ticker  // nil: no progress
	queue  chan entry    // written by anyone, read by loop; never closed
	stop   chan struct{} // closed by close
	ended  chan struct{} // closed by loop

	typed *typed // of the goroutine that asks, one at a time; nil before the first question

	// Of loop, and behind its end of the goroutine that called close.
	bar    string    // the line that changes, as it was drawn last
	drawn  bool      // a line that changes stands on the terminal
	asking string    // a question stands on the terminal
	above  string    // with the row above it, and its newline
	over   io.Writer // shows lines above a line that is being edited; nil if none is
}

// entry is something to show, by loop.
type entry interface{ show(s *screen) }

// line is one line, shown above the line that changes. While a question stands
// there it comes below, and the question is repeated.
type line string

// question has no newline behind it. Nothing is drawn until an answer is shown.
type question struct {
	above  string // a row that may change while the question stands; may be empty
	text   string
	before func()        // called right before the question is written
	shown  chan struct{} // closed once it is written
}

// answer is the news that a question was answered, or as a newline, that it was
// withdrawn.
type answer string

// edited is the news through whom lines have to be shown while one is being edited, or
// with nil that none is any more.
type edited struct {
	over  io.Writer
	known chan struct{} // closed once it holds
}

func (l line) show(s *screen) {
	if s.over != nil {
		_, _ = io.WriteString(s.over, string(l)+"\n")
		return
	}
	if s.asking != "" {
		s.write("\n" + string(l) + "\n" + s.above + s.asking)
		return
	}
	s.write(string(l) + "\n")
}

func (q question) show(s *screen) {
	q.before()
	s.asking, s.above = q.text, q.above
	s.write(q.above + q.text)
	close(q.shown)
}

// changed is what the row above a question is now. Where nothing can be redrawn it stays
// as it was. What was typed since stands behind the question and is left alone.
type changed string

func (c changed) show(s *screen) {
	if s.asking == "" || s.above == "" || s.width == nil {
		return
	}
	row := escape(head(string(c), s.row()))
	s.above = row + "\n"
	s.write(saveCursor + "\x1b[A\r" + row + eraseRest + restoreCursor)
}

func (a answer) show(s *screen) {
	s.asking = ""
	s.write(string(a))
}

func (e edited) show(s *screen) {
	s.over = e.over
	close(e.known)
}

func newScreen(out io.Writer, width func() int, st style, ticker *time.Ticker, picture func(time.Time) (view, bool)) *screen {
	s := &screen{
		out: out, width: width, style: st, picture: picture, ticker: ticker,
		queue: make(chan entry, queuedLines), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.loop()
	return s
}

// loop is the one goroutine that writes: lines from several would be torn, and
// would leave pieces of the line that changes between them.
func (s *screen) loop() {
	defer close(s.ended)
	var ticks <-chan time.Time
	if s.ticker != nil {
		ticks = s.ticker.C
	}
	for {
		select {
		case e := <-s.queue:
			s.erase()
			e.show(s)
			if len(s.queue) == 0 {
				s.redraw()
			}
		case now := <-ticks:
			s.draw(now)
		case <-s.stop:
			s.erase()
			for {
				select {
				case e := <-s.queue:
					e.show(s)
				default:
					return
				}
			}
		}
	}
}

// draw shows progress, on the line that changes or as a line of its own.
func (s *screen) draw(now time.Time) {
	if s.asking != "" || s.over != nil {
		return
	}
	v, known := s.picture(now)
	switch {
	case !known:
	case s.width == nil:
		s.write(plainLine(v) + "\n")
	default:
		s.bar = barLine(v, s.width(), s.style)
		s.redraw()
	}
}

// redraw writes the line that changes as it was drawn last. Behind other lines it does not
// wait for the next tick, so that it does not flicker.
func (s *screen) redraw() {
	if s.bar != "" && s.asking == "" && s.over == nil {
		s.write("\r" + s.bar + eraseRest)
		s.drawn = true
	}
}

func (s *screen) erase() {
	if s.drawn {
		s.write("\r" + eraseRest)
		s.drawn = false
	}
}

// write leaves the error: see screen.
func (s *screen) write(text string) { _, _ = io.WriteString(s.out, text) }

// close ends the loop. What was said before is shown; what is said afterwards is
// not. The caller may write from then on.
func (s *screen) close() {
	if s.ticker != nil {
		s.ticker.Stop()
	}
	close(s.stop)
	<-s.ended
	if s.asking != "" { // a question that was not answered
		s.write("\n")
	}
}

// add has an entry shown. It waits for room in the queue, and no longer than the
// loop lasts.
func (s *screen) add(e entry) {
	select {
	case s.queue <- e:
	case <-s.ended:
	}
}

// say shows a line, made safe as a whole.
func (s *screen) say(text string) { s.add(line(fold(text, s.terminal()))) }

// remark is say with a colour for what the line begins with.
func (s *screen) remark(c colour, text string) {
	s.add(line(s.style.lead(c, fold(text, s.terminal()))))
}

// terminal is the width of the terminal in columns, 0 where there is none.
func (s *screen) terminal() int {
	if s.columns == nil {
		return 0
	}
	return orDefault(s.columns())
}

// row is how many columns a row may have that must not become two.
func (s *screen) row() int { return orDefault(s.terminal()) - 1 }

// ask shows a question, below a row if above is not empty, and calls before right before
// it is written. It returns once the question stands there, or the loop has ended. The caller reads the
// answer, and then calls answered or withdraw.
func (s *screen) ask(before func(), above, text string) {
	shown := make(chan struct{})
	if above != "" {
		above = escape(head(above, s.row())) + "\n"
	}
	s.add(question{above, escape(text), before, shown})
	select {
	case <-shown:
	case <-s.ended:
	}
}

// edit has lines shown through over while a line is being edited, until edit(nil). It
// returns once the lines said before are shown: they stand above the line.
func (s *screen) edit(over io.Writer) {
	known := make(chan struct{})
	s.add(edited{over, known})
	select {
	case <-known:
	case <-s.ended:
	}
}

func (s *screen) answered() { s.add(answer("")) }
func (s *screen) withdraw() { s.add(answer("\n")) }
