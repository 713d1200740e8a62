package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drain is how serve and relay come to their end by a signal:
//
//	SIGTERM            nobody new is let in; what runs goes on for the window. If it is over
//	                   by then, the exit code is 0: what was asked for was done.
//	the window's end   what is left is cut: 143, as for whatever a SIGTERM interrupts.
//	SIGINT, SIGHUP     everything is cut at once: 130, 143. So is it by SIGTERM without a window.
//
// A second signal ends the process at once, with the code of the first.
type drain struct {
	env    *Env
	window time.Duration
	asked  context.Context // ended by a signal
	cut    context.Context // ends when what is left has to be cut
	forget func() bool
	stop   context.CancelFunc
}

// newDrain begins to wait for asked. Ending is called when a drain begins. The caller ends it.
func newDrain(asked context.Context, env *Env, window time.Duration, ending func()) *drain {
	d := &drain{env: env, window: window, asked: asked}
	env.Signals.linger(window + graceTime)
	d.cut, d.stop = context.WithCancel(context.WithoutCancel(asked))
	d.forget = context.AfterFunc(asked, func() {
		if d.sign().drains() && window > 0 {
			ending()
			timer := time.AfterFunc(window, d.stop)
			context.AfterFunc(d.cut, func() { timer.Stop() })
			return
		}
		d.stop()
	})
	return d
}

// drainBegins is what serve and relay say then, as an object and as a line.
func drainBegins(window time.Duration) (jsonDrain, string) {
	return jsonDrain{"draining", window.Milliseconds()},
		fmt.Sprintf("ending when the deliveries that run are over, at the latest in %s; a second signal ends at once", asGiven(window.String()))
}

// sign is the signal that asked for the end; the zero value if none did.
func (d *drain) sign() (sig signalError) {
	errors.As(context.Cause(d.asked), &sig)
	return sig
}

// end is called when all is over. It returns the error of an end by a signal that cut
// something off, or may have; nil after a drain, whose exit code is then 0, and where no
// signal came.
func (d *drain) end() error {
	defer d.stop()
	d.forget()
	sig := d.sign()
	switch {
	case d.asked.Err() == nil:
		return nil
	case !sig.drains(), d.window == 0:
		return context.Cause(d.asked)
	case d.cut.Err() != nil:
		return &cutError{sig, d.window}
	}
	d.env.Signals.obeyed()
	return nil
}

// cutError says that a drain was not over in time.
type cutError struct {
	signalError
	window time.Duration
}

func (e *cutError) Error() string {
	return "not all was over " + e.window.String() + " after SIGTERM: what was left was cut"
}

// Unwrap makes it the signal.
func (e *cutError) Unwrap() error { return e.signalError }

// endOf is the error of a server that ended, and what people are told besides. err is why it
// could not go on, with this exit code; how is drain.end's. The rest tells of both by itself.
func endOf(err error, exit int, how error, json bool) (failed *exitError, more string) {
	var sig signalError
	switch {
	case err != nil:
		return &exitError{exit: exit, err: err, done: json}, ""
	case errors.As(how, new(*cutError)):
		more = "; " + how.Error()
	}
	if errors.As(how, &sig) {
		failed = &exitError{exit: sig.exit(), err: how, done: true}
	}
	return failed, more
}
