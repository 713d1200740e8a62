package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/urfave/cli/v2"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/reach"
)

// renderer shows a delivery, to people or to programs. All but finish may be
// called from several goroutines; finish is called once, last, and ends the
// renderer's goroutine.
type renderer interface {
	transfer.Observer
	// listening tells how to start the other side.
	listening(invitation)
	// advise tells people what else they can do. Lines that begin with a space are
	// commands.
	advise(lines []string)
	// searching tells what is dialled from now on; nil ends it.
	searching(*search)
	linkEvent(link.Event)
	// meets tells how the two sides look for each other, and of the way of their link.
	meets(reach.News)
	// limited tells of the limit in bytes a second, 0 for none, and with err why it
	// could not be changed.
	limited(rate int64, err error)
	// confined tells what the process cannot do any more, with --verbose.
	confined(text string)
	// linked tells of the link that a delivery runs over.
	linked(*link.Link)
	// finish shows how it ended. The error is that of the output itself.
	finish(outcome) error
}

// outputFlags are the flags about output that every transfer has.
type outputFlags struct {
	json, quiet, verbose bool
	progress             string // auto, always or never
	verb                 string // of the command line
	style                style  // of standard error
}

// outputOf reads the flags about output, and checks what the library cannot: values out
// of a set, and flags that exclude each other.
func outputOf(c *cli.Context) (outputFlags, error) {
	o := outputFlags{json: c.Bool("json"), quiet: c.Bool("quiet"), verbose: c.Bool("verbose"), progress: c.String("progress"), verb: c.Command.Name}
	switch o.progress {
	case "auto", "always", "never":
	default:
		return o, usagef(c.Command.Name, "--progress is auto, always or never, and not %q", o.progress)
	}
	if o.quiet && o.verbose {
		return o, usagef(c.Command.Name, "--quiet and --verbose exclude each other")
	}
	if o.quiet && o.progress == "always" {
		return o, usagef(c.Command.Name, "--quiet and --progress always exclude each other")
	}
	return o, nil
}

// How often progress is shown. People cannot follow more than ten changes a second, and
// progress should not fill a log.
const (
	barTick    = 100 * time.Millisecond // a line that changes
	lineTick   = 5 * time.Second        // one line each time, where a line cannot be redrawn
	alwaysTick = time.Second            // the same with --progress always
	jsonTick   = 250 * time.Millisecond // at most one progress object in this time
)

// newRenderer chooses how a delivery is shown. dataOut says that standard
// output carries the data.
func newRenderer(env *Env, o outputFlags, dataOut bool) renderer {
	if o.json {
		var out io.Writer = env.Stdout
		if dataOut {
			out = env.Stderr
		}
		return newJSONRenderer(out, time.NewTicker(jsonTick))
	}
	return newTextRenderer(env, o)
}

// newTextRenderer starts the output for people. A terminal that cannot redraw a line
// (TERM=dumb) is treated like a file.
func newTextRenderer(env *Env, o outputFlags) *console {
	tick, width := lineTick, (func() int)(nil)
	switch {
	case env.redraws():
		tick, width = barTick, env.Width
	case o.progress == "always":
		tick = alwaysTick
	}
	var ticker *time.Ticker
	if !o.quiet && o.progress != "never" {
		ticker = time.NewTicker(tick)
	}
	o.style = env.style()
	c := newConsole(env.Stderr, o, width, ticker)
	if env.StderrTTY {
		c.screen.columns = env.Width
	}
	return c
}

// dialCause is why there is no connection, without the address that stands
// beside it.
func dialCause(err error) string {
	var op *net.OpError
	var several *reach.Error
	var answered *link.AnsweredError
	if errors.As(err, &several) && len(several.Tries) > 1 {
		return triesText(several.Tries, false)
	}
	if errors.As(err, &several) {
		return whyNot(several.Tries[0], false)
	}
	if errors.As(err, &answered) {
		err = answered.Err
	}
	if text := proxyText(err); text != "" {
		return text
	}
	for {
		le, ok := err.(*link.Error)
		if ok && le.Remote && le.Code == framing.CodeBusy {
			return "it is busy, or holds this address off for a while after a wrong code"
		}
		if !ok || le.Remote || le.Err == nil {
			break
		}
		err = le.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ended without a goodbye"
	}
	if errors.Is(err, io.EOF) {
		return "it ended the connection"
	}
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// wrongCodeText tells of a wrong code, and how many burn the right one. A long code is
// never burnt, so somebody may guess for ever: of those guesses only the first, the
// second, the fourth and so on are told.
func wrongCodeText(e link.Event) string {
	switch {
	case e.Limit > 0:
		return fmt.Sprintf("a wrong code from %s (%d of %d)", hostOf(e.Addr), e.Attempts, e.Limit)
	case e.Attempts&(e.Attempts-1) != 0:
		return ""
	}
	return fmt.Sprintf("a wrong code from %s (%d so far)", hostOf(e.Addr), e.Attempts)
}

// linkText says for people what happens on the way to a link; "" when nothing
// is worth saying.
func linkText(e link.Event, verbose bool) string {
	cause := ""
	if e.Err != nil {
		cause = ": " + dialCause(e.Err)
	}
	switch e.Kind {
	case link.EventWaiting:
		return waitingText(e)
	case link.EventRefused:
		return wrongCodeText(e)
	case link.EventBroken:
		if verbose {
			return fmt.Sprintf("dropped a connection from %s%s", hostOf(e.Addr), cause)
		}
	case link.EventConnected:
		return "connected to " + hostOf(e.Addr)
	case link.EventLost:
		if e.Window > 0 {
			return fmt.Sprintf("the link was lost%s; it is waited for up to %s", cause, clock(e.Window))
		}
	case link.EventRetrying:
		if verbose {
			return fmt.Sprintf("no link yet, try %d%s", e.Attempts, cause)
		}
	case link.EventRejoined:
		return fmt.Sprintf("the link is back after %s, going on where it was", elapsed(e.Elapsed))
	case link.EventBurnt:
		return burntText
	}
	return ""
}

// burntText says that a code is worth nothing any more, where keys are.
const burntText = "the code was guessed at too often, and lets in nobody any more; keys do"

// linkColour is that of linkText.
func linkColour(k link.EventKind) colour {
	switch k {
	case link.EventRefused, link.EventLost, link.EventBurnt:
		return yellow
	case link.EventRejoined:
		return green
	}
	return ""
}
