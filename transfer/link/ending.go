package link

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// ending is how a link ends: in order, by what both sides say, or by the first error.
// Any goroutine may use it.
type ending struct {
	// How far the goodbye is. Each of these is only ever set.
	said    atomic.Bool // this side sends nothing more: see Link.EndWriting
	parting atomic.Bool // the other side acknowledges nothing more: see Link.Part
	closing atomic.Bool // this side closes the link in order
	leaving atomic.Bool // the other side has ended stream 0 in order

	ctx    context.Context // is over when the link is, and its connections are closed
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows
	decided  bool       // err says how the link ends
	err      error      // what ended the link: an *Error, or nil
	writeErr error      // of a write that failed; it ends the link soon
	timer    *time.Timer
}

func (e *ending) init() { e.ctx, e.cancel = context.WithCancel(context.Background()) }

// over is closed when the link is over.
func (e *ending) over() <-chan struct{} { return e.ctx.Done() }

// first returns the error that ended the link, nil while it lasts.
func (e *ending) first() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// cause returns what ended the link, or else err.
func (e *ending) cause(err error) error {
	if first := e.first(); first != nil {
		return first
	}
	return err
}

// decide says that the link ends with err. Only the first call counts, and returns true.
// A failed write that waited came before err and goes before it.
func (e *ending) decide(err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.decided {
		return false
	}
	e.decided = true
	if e.writeErr != nil {
		err = e.writeErr
	}
	e.err = err
	if e.timer != nil {
		e.timer.Stop()
	}
	return true
}

// soon runs f after a moment, in the place of what an earlier call had to run: the other
// side's reason for closing may be on its way to the readers.
func (e *ending) soon(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.decided {
		return
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	e.timer = time.AfterFunc(closeLimit, f)
}

// writeFailed notes the error of a write, after which f ends the link, a moment later
// like soon. It returns the error that counts.
func (e *ending) writeFailed(err error, f func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return e.err
	}
	if e.writeErr == nil {
		e.writeErr = err
		if !e.decided {
			e.timer = time.AfterFunc(closeLimit, f)
		}
	}
	return e.writeErr
}
