package main

import (
	"context"
	"errors"
	"fmt"

	"ferry/transfer"
)

// delivery is what send, receive and copy share around a transfer: who watches
// it, and how its end is told.
type delivery struct {
	ctx      context.Context
	env      *Env
	render   renderer
	tally    tally
	manifest *manifest // nil without --manifest
	stream   bool      // to standard output
	alone    bool      // both sides are here
}

// observer passes events to all who keep something of them. tally comes first:
// it never waits.
func (d *delivery) observer() transfer.Observer {
	all := observers{&d.tally, d.render}
	if d.manifest != nil {
		all = append(all, d.manifest)
	}
	return all
}

// missing reports sources that are not there, once there is somebody to show
// them to.
func (d *delivery) missing(list []missingSource) {
	for _, m := range list {
		d.observer().Observe(transfer.ItemFailed{Path: m.path, Err: m.err})
	}
}

// finish tells how a delivery ended that began, and returns the error that
// carries its exit code; nil after success. lost is the number of named sources
// that were not there to be sent.
func (d *delivery) finish(r transfer.Result, err error, lost int) error {
	r.Failed += int64(lost)
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%w: %s", transfer.ErrIncomplete, items(r.Failed))
	}
	return d.end(outcome{began: true, result: r, toStream: d.stream}, err)
}

// abandon tells that a delivery did not begin.
func (d *delivery) abandon(err error) error { return d.end(outcome{}, err) }

// end completes the outcome and has it shown. The list comes first, since it can
// turn a success into a failure.
func (d *delivery) end(o outcome, err error) error {
	if d.manifest != nil {
		kept, merr := d.manifest.finish(err == nil || errors.Is(err, transfer.ErrIncomplete))
		o.manifest = kept
		if err == nil && merr != nil {
			err = &exitError{exit: exitIncomplete, err: merr, hint: "the delivery itself is complete"}
		}
	}
	o.err, o.exit = err, exitOf(d.ctx, err, o.result, &d.tally)
	var sig signalError
	if errors.As(context.Cause(d.ctx), &sig) {
		o.err = sig // and not how it looked from inside
	}
	if o.err != nil {
		o.hint = hintOf(o.exit, err, command(d.env.Args...), d.alone)
	}
	werr := d.render.finish(o)
	switch {
	case o.exit == exitOK && werr != nil:
		return outputError(werr)
	case o.exit == exitOK:
		return nil
	}
	return &exitError{exit: o.exit, err: o.err, done: werr == nil}
}
