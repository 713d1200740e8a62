package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// graceTime is how long an interrupted ferry may take to say goodbye and to save its
// state. What is on disk can be continued at any instant, so that ending without it costs
// time and no data. Within it a link says goodbye for 700 ms, and ssh has 400 ms to end.
const graceTime = 1500 * time.Millisecond

// signalError is the cause of a context that a signal cancelled.
type signalError struct{ sig syscall.Signal }

func (e signalError) Error() string {
	if e.sig == syscall.SIGINT {
		return "interrupted"
	}
	return "ended by signal: " + e.sig.String()
}

// Unwrap makes it a cancellation for callers that do not look for signals.
func (e signalError) Unwrap() error { return context.Canceled }

// drains is whether the signal asks a server to come to an end, and not to stop.
func (e signalError) drains() bool { return e.sig == syscall.SIGTERM }

// exit is 130 for an interrupt, 143 for a request to end that cut something short.
func (e signalError) exit() int {
	if e.sig == syscall.SIGINT {
		return exitInterrupted
	}
	return exitTerminated
}

// signalWatch remembers the first signal, and ends the process where it does not end of
// itself. What is called of nil does nothing: nobody ends the process then.
type signalWatch struct {
	stop func(code int) // ends the process at once

	mu    sync.Mutex // guards what follows
	first *signalError
	done  bool // what the signal asked for, so that the exit code is the command's own
	grace time.Duration
	again chan struct{} // SIGHUP goes there, and ends nothing; nil: it ends
}

// watchSignals returns a context that the first SIGINT, SIGTERM or SIGHUP cancels. The
// second signal ends the process at once, and so does the end of graceTime, or of what linger says. A SIGHUP that
// was ignored when ferry started (nohup) stays ignored. A SIGINT does not: shells start
// background jobs with SIGINT ignored, but a person who sends one to such a job means it.
// Writing to a closed pipe is an error, and does not kill the process.
//
// The goroutine lives as long as the process.
func watchSignals(exit func(int)) (context.Context, *signalWatch) {
	ctx, cancel := context.WithCancelCause(context.Background())
	w := &signalWatch{stop: exit, grace: graceTime}
	// Registered and not ignored: an ignored SIGPIPE would be inherited.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(caught, syscall.SIGHUP)
	}
	go func() {
		sig := w.next(caught)
		first := signalError{sig}
		w.mu.Lock()
		w.first = &first
		grace := w.grace
		w.mu.Unlock()
		cancel(first)
		select {
		case <-caught:
		case <-time.After(grace):
		}
		exit(first.exit())
	}()
	return ctx, w
}

// next waits for a signal that ends the process.
func (w *signalWatch) next(caught <-chan os.Signal) syscall.Signal {
	for {
		sig, _ := (<-caught).(syscall.Signal)
		w.mu.Lock()
		again := w.again
		w.mu.Unlock()
		if sig != syscall.SIGHUP || again == nil {
			return sig
		}
		select {
		case again <- struct{}{}:
		default: // one waits to be seen
		}
	}
}

// hangups has SIGHUP mean, from now on, that something is to be read again. A process that
// ignored it goes on to.
func (w *signalWatch) hangups() <-chan struct{} {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.again = make(chan struct{}, 1)
	return w.again
}

// linger sets how long ferry may go on after a signal.
func (w *signalWatch) linger(d time.Duration) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grace = d
}

// leave ends the process after graceTime, as if it had been interrupted: who interrupted the
// other side waits for this one too.
func (w *signalWatch) leave() {
	if w != nil {
		time.AfterFunc(graceTime, func() { w.stop(w.exit(exitInterrupted)) })
	}
}

// obeyed says that the command did what the signal asked it for, and that its own exit code
// holds. A second signal counts as before.
func (w *signalWatch) obeyed() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
}

// wasObeyed tells whether a signal was.
func (w *signalWatch) wasObeyed() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

// exit is the exit code of the process. After a signal it is that of the signal, and
// neither success nor another failure, unless the signal was obeyed.
func (w *signalWatch) exit(code int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first != nil && !w.done {
		return w.first.exit()
	}
	return code
}
