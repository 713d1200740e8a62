package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/tree"
)

// queuedLines is how many lines may wait for standard error. Observe waits for
// room only when it has stood still for as many.
const queuedLines = 1024

// console is people's output on standard error. Its loop alone writes until
// finish has ended it. A failing standard error is not reported: there is no
// place left to report it to, and the exit code still tells how things ended.
type console struct {
	out   io.Writer
	flags outputFlags
	width func() int // nil: lines only, nothing is redrawn
	// columns is the width of the terminal that out is, nil if it is none.
	columns func() int

	ticker *time.Ticker     // nil: no progress
	ticks  <-chan time.Time // of ticker
	queue  chan entry       // written by anyone, read by loop; never closed
	stop   chan struct{}    // closed by finish
	ended  chan struct{}    // closed by loop

	mu     sync.Mutex
	state  view   // rate and left are loop's
	dry    bool   // it is a dry run
	known  bool   // a delivery began, so there is something to show
	last   string // link text said last, not to be repeated
	lost   *outage
	link   *link.Link
	typed  *typed // of whoever asks, one at a time
	unmade unmade
	// exposed counts the folders that were there and are not this user's alone.
	exposed int

	// Of loop alone.
	meter  meter
	stall  stall
	drawn  bool   // a line that changes stands on the terminal
	asking string // a question stands on the terminal
}

// entry is one line to show, or a question (no newline follows, nothing is
// drawn until it is answered), or the news that the question was answered or,
// with a newline as text, withdrawn.
type entry struct {
	text     string
	question bool
	before   func()        // of a question: called before it is written
	shown    chan struct{} // of a question: closed once it is written
	answered bool
}

func newConsole(out io.Writer, o outputFlags, width func() int, ticker *time.Ticker) *console {
	c := &console{
		out: out, flags: o, width: width, ticker: ticker,
		queue: make(chan entry, queuedLines), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	if ticker != nil {
		c.ticks = ticker.C
	}
	go c.loop()
	return c
}

// loop is the one goroutine that writes: lines from several would be torn, and
// would leave pieces of the line that changes between them.
func (c *console) loop() {
	defer close(c.ended)
	for {
		select {
		case e := <-c.queue:
			c.put(e)
		case now := <-c.ticks:
			c.draw(now)
		case <-c.stop:
			for {
				select {
				case e := <-c.queue:
					c.put(e)
				default:
					c.erase()
					return
				}
			}
		}
	}
}

// put shows one entry above the line that changes.
func (c *console) put(e entry) {
	c.erase()
	switch {
	case e.answered:
		c.asking = ""
		c.write(e.text)
	case e.question:
		e.before()
		c.asking = e.text
		c.write(e.text)
		close(e.shown)
	case c.asking != "":
		c.write("\n" + e.text + "\n" + c.asking)
	default:
		c.write(e.text + "\n")
	}
}

// draw shows progress, on the line that changes or as a line of its own. Nothing
// is drawn before a delivery began: until then lines say what is waited for.
func (c *console) draw(now time.Time) {
	c.mu.Lock()
	v, known, lost, l := c.state, c.known, c.lost, c.link
	c.mu.Unlock()
	if !known || c.asking != "" {
		return
	}
	c.meter.add(now, v.progress.Moved)
	v.rate = c.meter.rate()
	v.left, v.hasLeft = c.meter.left(v.progress)
	stalled := c.stall.check(now, v.phase, v.progress)
	switch {
	case lost != nil:
		v.trouble = lost.line(now)
	case stalled > 0:
		v.trouble = stallText(stalled, peerDoes(l))
	}
	if c.width == nil {
		c.write(plainLine(v) + "\n")
		return
	}
	c.write("\r" + barLine(v, c.width()) + eraseRest)
	c.drawn = true
}

func (c *console) erase() {
	if c.drawn {
		c.write("\r" + eraseRest)
		c.drawn = false
	}
}

// write leaves the error: see console.
func (c *console) write(s string) { _, _ = io.WriteString(c.out, s) }

// say shows a line, made safe as a whole; it has no more to say once finished.
func (c *console) say(text string) { c.send(entry{text: fold(text, c.screen())}) }

// screen is the width of the terminal, 0 where there is none.
func (c *console) screen() int {
	if c.columns == nil {
		return 0
	}
	return orDefault(c.columns())
}

// row is how many columns a row may have that must not become two.
func (c *console) row() int { return orDefault(c.screen()) - 1 }

func (c *console) send(e entry) {
	select {
	case c.queue <- e:
	case <-c.ended:
	}
}

// ask shows a question; the answer is read by the caller, who then calls
// answered.
func (c *console) ask(question string) { c.askAfter(func() {}, question) }

// askAfter is ask, and calls before right before the question is written. It returns
// once the question stands there, or the loop has ended.
func (c *console) askAfter(before func(), question string) {
	shown := make(chan struct{})
	c.send(entry{text: escape(question), question: true, before: before, shown: shown})
	select {
	case <-shown:
	case <-c.ended:
	}
}
func (c *console) answered() { c.send(entry{answered: true}) }
func (c *console) withdraw() { c.send(entry{answered: true, text: "\n"}) }

func (c *console) listening(addresses []string, other, code string) {
	// Without the code nobody can connect, so even --quiet shows one made up.
	if c.flags.quiet && code == "" {
		return
	}
	for _, line := range pairingLines(addresses, other, code) {
		c.send(entry{text: plain(line)})
	}
}

// linkEvent says each thing once: a dialler tries again every few seconds for
// the same reason.
func (c *console) linkEvent(e link.Event) {
	c.mu.Lock()
	c.lost = outageOf(c.lost, e)
	c.mu.Unlock()
	if c.flags.quiet && e.Kind != link.EventRefused {
		return
	}
	text := linkText(e, c.flags.verbose)
	c.mu.Lock()
	again := text == c.last
	c.last = text
	c.mu.Unlock()
	if text != "" && !again {
		c.say(text)
	}
}

func (c *console) limited(rate int64, err error) {
	if !c.flags.quiet || err != nil {
		c.say(limitText(rate, err))
	}
}

func (c *console) confined(text string) {
	if c.flags.verbose {
		c.say(text)
	}
}

func (c *console) linked(l *link.Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
}

// Observe is on the path of every item: what is not shown costs a lock or less.
func (c *console) Observe(e transfer.Event) {
	switch e := e.(type) {
	case transfer.PhaseChanged:
		c.mu.Lock()
		c.state.phase, c.known = e.Phase, true
		c.mu.Unlock()
	case transfer.Progress:
		c.mu.Lock()
		c.state.progress = e
		c.mu.Unlock()
	case transfer.ItemFailed:
		c.mu.Lock()
		what := "not delivered: "
		if c.dry {
			what = "would fail: "
		} else if c.state.phase == transfer.PhaseDeleting {
			what = "not deleted: "
		}
		told := e.Err.Consequence() && c.unmade.count(e.Path)
		if !e.Err.Consequence() {
			c.unmade.add(e.Path)
		}
		c.mu.Unlock()
		if !told {
			c.say(what + show(e.Path) + ": " + causeText(e.Err))
		}
	case transfer.ItemDeleted:
		if e.DryRun && !c.flags.quiet {
			c.say("would delete: " + show(e.Path))
		} else if c.flags.verbose {
			c.say("deleted: " + show(e.Path))
		}
	case transfer.Offered:
		c.mu.Lock()
		c.dry = e.Offer.DryRun
		c.mu.Unlock()
	case transfer.Notice:
		if !c.flags.quiet {
			what := "left out: "
			if e.Stays {
				what = "left there: "
			}
			c.say(what + show(e.Path) + ": " + tell(bare(e.Err)))
		}
	case transfer.ItemWarned:
		if c.warns(e) {
			c.say(warnedText(e))
		}
	case transfer.ItemExcluded:
		if text := excludedText(e, c.flags.verbose); text != "" && !c.flags.quiet {
			c.say(text)
		}
	case transfer.ItemDone:
		if text := doneText(e, c.flags.verbose); text != "" && !c.flags.quiet {
			c.say(text)
		}
	}
}

// maxExposed is how many exposed folders are told at once; the end counts them.
const maxExposed = 10

// warns tells whether e is shown when it happens: with --verbose, or while it can be
// thought about whether to go on.
func (c *console) warns(e transfer.ItemWarned) bool {
	if exposes(e) && !c.flags.quiet {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.exposed++
		return c.exposed <= maxExposed || c.flags.verbose
	}
	return c.flags.verbose && e.Path != ""
}

// doneText is what is said of an item that ended well: only that it got another
// name, or is not there since it was skipped, unless all are asked for.
func doneText(e transfer.ItemDone, verbose bool) string {
	switch {
	case e.DryRun:
		return wouldText(e, verbose)
	case e.Status == transfer.StatusRenamed:
		return "renamed: " + show(e.Path) + " to " + show(e.NewName)
	case e.Status == transfer.StatusSkipped:
		return "skipped: " + show(e.Path) + ": " + e.Cause.String()
	case !verbose:
		return ""
	}
	status := e.Status.String()
	if e.Status == transfer.StatusAdjusted {
		status = "new metadata"
	}
	if e.Hashed {
		return fmt.Sprintf("%s: %s (%s)", status, show(e.Path), sizeText(e.Size))
	}
	return fmt.Sprintf("%s: %s", status, show(e.Path))
}

// excludedText is what is said of an item that the selection left out. A mount
// point is told always: rules name what they leave out, and that flag does not.
func excludedText(e transfer.ItemExcluded, verbose bool) string {
	switch {
	case e.By == tree.FlagOneFileSystem:
		return "left out: " + show(e.Path) + ": on another file system"
	case verbose:
		return "excluded: " + show(e.Path) + ": " + tell(e.Exclusion.String())
	}
	return ""
}

// causeText is the cause of a failed item, without the path, which stands
// before it.
func causeText(e *transfer.Error) string {
	text := e.Code.String()
	if e.Err != nil {
		detail := bare(e.Err)
		// Nobody cancelled what failed with another item.
		if e.Consequence() || strings.Contains(detail, text) {
			text = detail
		} else {
			text += ": " + detail
		}
	}
	if e.Remote {
		text += " (at the other side)"
	}
	return tell(text)
}

// bare is an error's text without the path that package os puts into it.
func bare(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) && err == error(pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// finish ends the loop, erases what changes and shows how it ended.
func (c *console) finish(o outcome) error {
	if c.ticker != nil {
		c.ticker.Stop()
	}
	close(c.stop)
	<-c.ended
	if c.asking != "" { // a question that was not answered
		c.write("\n")
	}
	what := "not delivered: "
	if c.dry {
		what = "would fail: "
	}
	for _, line := range c.unmade.lines() {
		c.write(fold(what+line, c.screen()) + "\n")
	}
	for _, row := range o.rows(c.flags.quiet, c.screen()) {
		c.write(row + "\n")
	}
	return nil
}
