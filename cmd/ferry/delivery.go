package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/link"
	"ferry/transfer/send"
	"ferry/transfer/store"
)

// delivery is what send, receive and copy share around a transfer: it passes the events
// on, and shows how the transfer ended.
type delivery struct {
	ctx      context.Context
	env      *Env
	render   renderer
	tally    tally
	way      func() string            // of the link, as it is now; nil without one
	manifest atomic.Pointer[manifest] // nil without --manifest, and until it is started
	stream   bool                     // to standard output
	alone    bool                     // both sides are here
	sole     bool                     // no other side has to run a command
	codes    *codeSource              // nil where no code is needed
	place    string                   // where items land at this side; "" at the sender
	name     string                   // that one item, no folder, gets there; "" if that is its own
	fed      bool                     // what is sent is standard input
	text     bool                     // it is a message
	taken    bool                     // which was shown or written here, and not stored
	strict   bool                     // metadata that could not be applied is a failure
	unsynced bool                     // this side gave up durability: --no-sync, or standard output
	rules    *filter.List             // the rules of what is sent; nil without any
	escapes  bool                     // --names escape was given here
	// checksums is put before "--checksum" where that is the other side's flag.
	checksums string
}

// Observe passes an event to the tally, the renderer and the manifest. The tally comes
// first, since it never waits.
func (d *delivery) Observe(e transfer.Event) {
	d.tally.Observe(e)
	d.render.Observe(e)
	// In a copy the receiver calls the manifest itself, since it knows where items landed.
	if m := d.manifest.Load(); m != nil && !d.alone {
		m.Observe(e)
	}
}

// run runs a delivery over conn. Whenever the process at the other side was started
// again with the same code, it calls between, makes another link and runs the delivery
// again, which finds what was delivered before. A stream cannot be run again.
func (d *delivery) run(conn *connection, once func(*link.Link) (transfer.Result, error), between func() error) (transfer.Result, error) {
	before := d.tally.counts()
	for {
		d.render.linked(conn.Link)
		result, err := once(conn.Link)
		if !errors.Is(err, link.ErrBegunAnew) || d.stream || d.fed {
			return result, err
		}
		if err := between(); err != nil {
			return result, err
		}
		if merr := conn.meetAgain(d.ctx); merr != nil {
			return result, merr
		}
		d.tally.restore(before)
	}
}

// missing reports sources that are not there, once there is somebody to show
// them to.
func (d *delivery) missing(list []missingSource) {
	for _, m := range list {
		d.Observe(transfer.ItemFailed{Path: m.path, Err: m.err})
	}
}

// finish shows how a delivery ended, and returns the error that carries its exit code;
// nil after success. lost is the number of sources on the command line that do not
// exist.
func (d *delivery) finish(r transfer.Result, err error, lost int) error {
	r.Failed += int64(lost)
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%w: %s", transfer.ErrIncomplete, items(r.Failed))
	}
	err = rehearsedError(r, err)
	o := outcome{began: true, result: r, toStream: d.stream, local: d.alone, unsynced: d.unsynced || d.stream || d.text, text: d.text, taken: d.taken}
	if err == nil || errors.Is(err, transfer.ErrIncomplete) {
		o.unmet = d.rules.Unmet() // the walk saw everything
	}
	return d.end(o, err)
}

// abandon shows why a delivery did not begin.
func (d *delivery) abandon(err error) error { return d.end(outcome{}, err) }

// end completes the outcome and shows it. The manifest is finished first, since that
// can turn a success into a failure.
func (d *delivery) end(o outcome, err error) error {
	if m := d.manifest.Load(); m != nil {
		kept, merr := m.finish(!o.result.DryRun && (err == nil || errors.Is(err, transfer.ErrIncomplete)))
		o.manifest, o.unlisted = kept, m.left
		if merr == nil && (err == nil || errors.Is(err, transfer.ErrIncomplete)) {
			o.listed = m.unlisted(kept, d.checksums)
		}
		if err == nil && merr != nil {
			err = &exitError{exit: exitIncomplete, err: merr, hint: "the delivery itself is complete"}
		}
	}
	var why error
	if o.losses, why = o.lossesAfter(err); err == nil && d.strict && why != nil {
		err = &exitError{exit: exitIncomplete, word: "strict", err: why}
	}
	o.kinds = d.tally.kindsText(o.result)
	if d.way != nil && o.began {
		o.path = d.way()
	}
	if d.place != "" && !d.stream {
		o.place = "in " + show(d.tally.landed(d.place))
		if d.name != "" {
			o.place = "as " + show(inPlace(d.tally.landed(d.place), d.name))
		}
	}
	o.err, o.exit = err, exitOf(d.ctx, err, o.result, &d.tally)
	var sig signalError
	if errors.As(context.Cause(d.ctx), &sig) {
		o.err = sig // and not the errors that the cancelled context caused
	}
	if o.err != nil {
		d.advise(&o, err)
	}
	return o.shown(d.render)
}

// advise fills in what can be done about err, and what is there already.
func (d *delivery) advise(o *outcome, err error) {
	again := o.exit == exitConnection || o.exit == exitInterrupted || o.exit == exitTerminated
	line := comparing(err, command(d.env.Args...))
	if again {
		line = d.codes.setting() + line
	}
	o.hint = hintOf(o.exit, err, line, d.sole)
	if o.exit == exitDigest && (store.Is(d.place) || d.tally.blamesStore()) {
		o.hint = "the store, or what stands before it, may damage what it is given; to try again: " + line
	}
	if hint := d.tally.missingHint(line); hint != "" && o.exit == exitIncomplete && o.hint != "" {
		o.hint = hint
	}
	if d.tally.inVain() && o.exit == exitIncomplete && errors.Is(err, transfer.ErrIncomplete) {
		o.hint = ""
		if !d.escapes {
			o.hint = d.tally.namesHint(d.place != "" || d.sole)
		}
	}
	switch {
	case !again:
	case !o.began && !errors.As(err, new(*exitError)):
		o.hint = "nothing had begun; to try again: " + line
	case d.fed:
		o.hint = "with its input from the start, " + o.hint
	case errors.As(err, new(*send.NotRemovedError)): // all is there
	case !d.stream && o.began:
		where := " at the other side"
		switch {
		case store.Is(d.place):
			where = inStore
		case d.place != "":
			where = " here"
		}
		o.kept = d.tally.kept(where)
	}
	o.hint = alone(o.hint, line)
}
