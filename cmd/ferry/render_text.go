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
	"ferry/transfer/reach"
	"ferry/transfer/tree"
)

// console is people's output.
type console struct {
	flags  outputFlags
	screen *screen

	mu     sync.Mutex // guards what follows up to exposed
	state  sight
	dry    bool    // it is a dry run
	known  bool    // a delivery began, so there is something to show
	search *search // while the other side is dialled
	last   string  // link text said last, not to be repeated
	board  *board  // nil with one receiver
	unmade unmade
	// exposed counts the folders that were there and are not this user's alone, escaped the
	// names that were told.
	exposed, escaped int

	// Of picture, which the loop of screen calls.
	pace pace
}

func newConsole(out io.Writer, o outputFlags, width func() int, ticker *time.Ticker) *console {
	c := &console{flags: o}
	c.screen = newScreen(out, width, o.style, ticker, c.picture)
	return c
}

// picture is the progress now. There is none before a delivery began: until then
// lines say what is waited for.
func (c *console) picture(now time.Time) (view, bool) {
	c.mu.Lock()
	s, known, search, board := c.state, c.known, c.search, c.board
	c.mu.Unlock()
	if board != nil {
		if v, some := board.look(now); some {
			return v, true
		}
	}
	if search != nil && search.known(now) && (c.screen.width != nil || search.takesLine(now)) {
		return view{search: search, now: now}, true
	}
	if search != nil || !known {
		return view{}, false
	}
	return c.pace.look(now, s, c.flags.verb), true
}

// gather has the line that changes show several receivers.
func (c *console) gather(b *board) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.board = b
}

func (c *console) say(text string) { c.screen.say(text) }

func (c *console) listening(v invitation) {
	// Without the code nobody can connect, so even --quiet shows one made up.
	if c.flags.quiet && v.code == "" {
		return
	}
	for _, text := range v.lines() {
		c.screen.add(line(c.flags.style.mark(bold, plain(text), v.code)))
	}
}

func (c *console) advise(lines []string) {
	if c.flags.quiet {
		return
	}
	for _, text := range lines {
		if strings.HasPrefix(text, " ") {
			c.screen.add(line(plain(text))) // not broken, to be copied
		} else {
			c.say(text)
		}
	}
}

func (c *console) searching(s *search) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.search, c.last = s, ""
}

// shows reports whether the progress of a search tells what e does: always where a line
// changes, and elsewhere if nothing is known of the other side yet.
func (c *console) shows(e link.Event) bool {
	return e.Kind == link.EventWaiting && c.screen.ticker != nil && !c.flags.verbose &&
		(c.screen.width != nil || reach.CauseOf(e.Err) == reach.NoAnswer)
}

// linkEvent does not repeat itself: a dialler tries again every few seconds, and fails
// for the same reason.
func (c *console) linkEvent(e link.Event) {
	c.mu.Lock()
	c.state.takes(e)
	c.mu.Unlock()
	if c.flags.quiet && e.Kind != link.EventRefused || c.shows(e) {
		return
	}
	text := linkText(e, c.flags.verbose)
	c.mu.Lock()
	again := text == c.last
	c.last = text
	c.mu.Unlock()
	if text != "" && !again {
		c.screen.remark(linkColour(e.Kind), text)
	}
}

func (c *console) meets(n reach.News) {
	if text := meetsText(n); text != "" && (!c.flags.quiet || n.Kind == reach.NewsRefused) {
		c.say(text)
	}
}

func (c *console) limited(rate int64, err error) {
	if !c.flags.quiet || err != nil {
		c.say(limitText(rate, err))
	}
}

// storeWaits tells that a store of this side is waited for, and since how long.
func (c *console) storeWaits(err error, since time.Duration) {
	c.mu.Lock()
	news := c.state.waitsFor(err, since, time.Now())
	c.mu.Unlock()
	if news && !c.flags.quiet {
		c.screen.remark(yellow, storeWaitText(err))
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
	c.state.peer = l
}

// Observe is called for every item. An event that is not shown costs a lock at most.
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
		} else if c.state.phase == transfer.PhaseRemoving {
			what = "not removed: "
		}
		told := e.Err.Consequence() && c.unmade.count(e.Path) || c.unmade.lacksRoom(e.Err)
		if !e.Err.Consequence() {
			c.unmade.add(e.Path)
		}
		c.mu.Unlock()
		if !told {
			c.screen.remark(red, what+show(e.Path)+": "+causeText(e.Err))
		}
	case transfer.ItemDeleted:
		if e.DryRun && !c.flags.quiet {
			c.say("would delete: " + show(e.Path))
		} else if c.flags.verbose {
			c.say("deleted: " + show(e.Path))
		}
	case transfer.ItemKept:
		if e.DryRun && !c.flags.quiet || c.flags.verbose {
			c.say(keptText(e))
		}
	case transfer.ItemEscaped:
		c.mu.Lock()
		c.escaped++
		told := c.escaped <= maxEscaped || c.flags.verbose
		c.mu.Unlock()
		if told && !c.flags.quiet {
			c.say(escapedText(e))
		}
	case transfer.ItemRemoved:
		if c.flags.verbose {
			c.say(removedText(e))
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
			c.screen.remark(yellow, what+show(e.Path)+": "+tell(bare(e.Err)))
		}
	case transfer.ItemWarned:
		if c.warns(e) {
			c.screen.remark(yellow, warnedText(e))
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

// warns reports whether e is shown at once: with --verbose, or if a person may want to
// stop because of it.
func (c *console) warns(e transfer.ItemWarned) bool {
	if exposes(e) && !c.flags.quiet {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.exposed++
		return c.exposed <= maxExposed || c.flags.verbose
	}
	return c.flags.verbose && e.Path != ""
}

// doneText is what is shown of an item that did not fail. Without verbose that is only
// that it was renamed or skipped.
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

// excludedText is what is shown of an item that the selection left out. A mount point
// is always shown: unlike rules, --one-file-system does not name what it leaves out.
func excludedText(e transfer.ItemExcluded, verbose bool) string {
	switch {
	case e.By == tree.FlagOneFileSystem:
		return "left out: " + show(e.Path) + ": on another file system"
	case verbose:
		return "excluded: " + show(e.Path) + ": " + tell(e.Exclusion.String())
	}
	return ""
}

// causeText is the cause of a failed item, without its path, which the line begins with.
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
		return strings.TrimSuffix(pe.Err.Error(), ".") // which texts of Windows end in
	}
	return err.Error()
}

// finish ends the loop, erases what changes and shows how it ended.
func (c *console) finish(o outcome) error {
	c.screen.close()
	what := "not delivered: "
	if c.dry {
		what = "would fail: "
	}
	for _, text := range c.unmade.lines() {
		c.screen.write(c.flags.style.lead(red, fold(what+text, c.screen.terminal())) + "\n")
	}
	for _, row := range c.flags.style.verdict(o.rows(c.flags.quiet, c.screen.terminal()), o.err != nil) {
		c.screen.write(row + "\n")
	}
	return nil
}
