package link

import (
	"context"
	"sync"
	"time"
)

// Done is closed when the link is over, by failure, Abort or Close.
func (l *Link) Done() <-chan struct{} { return l.ending.over() }

// Err returns the *Error that ended the link, nil while it lasts and after a Close that
// went well.
func (l *Link) Err() error { return l.ending.first() }

// Abort ends the link at once; readers and writers get err. Close is still due.
func (l *Link) Abort(err error) {
	if err == nil {
		err = context.Canceled
	}
	l.end(wrap("", err))
}

// EndWriting half-closes all streams: this side has said everything, and the other one
// need not wait for that when it closes the link. What is sent from here on goes nowhere,
// heartbeats and acknowledgements included, and Send returns no error for it; the other
// side waits for none of them after Part. A link that is lost before the other side has
// read the end of stream 0 is joined again, and half-closed again. EndWriting blocks while
// the peer takes nothing.
func (l *Link) EndWriting() {
	l.ending.said.Store(true)
	for _, s := range l.conns.all() {
		s.out.endWriting()
	}
}

// Part says that the other side may have ended its writing: what is sent from here on
// waits for no acknowledgement.
func (l *Link) Part() {
	l.ending.parting.Store(true)
	for _, s := range l.conns.all() {
		s.out.signal()
	}
}

// Close ends the link in order: what was sent is flushed, each stream is half closed and
// then read until the other side does the same, each within 2 s. It returns once the
// link's goroutines are gone, with the first error of the link.
func (l *Link) Close() error {
	if l.closeBegun.CompareAndSwap(false, true) {
		l.close()
		close(l.closed)
	}
	<-l.closed
	return l.Err()
}

// close is the body of Close.
func (l *Link) close() {
	if l.redial != nil {
		l.redial.endMoves()
	} else {
		l.conns.part(closeLimit)
	}
	l.awaitConnection(closeLimit)
	l.ending.closing.Store(true)
	streams := l.conns.freeze()
	var wg sync.WaitGroup
	errs := make([]error, len(streams))
	for i, s := range streams {
		if ch := s.in.current(); ch != nil {
			// Both limits also end a Send or Next that is under way.
			_ = ch.raw.Conn.SetWriteDeadline(time.Now().Add(closeLimit))
			_ = ch.raw.Conn.SetReadDeadline(time.Now().Add(2 * closeLimit))
		}
		wg.Go(func() { errs[i] = s.finish() })
	}
	wg.Wait()
	if l.after != nil {
		errs = append(errs, l.after())
	}
	var first error
	for _, err := range errs {
		if err != nil && first == nil {
			first = wrap("close", err)
		}
	}
	l.end(first)
	l.conns.tasks.Wait()
}

// awaitConnection gives a lost link a moment to go on, so that what was said last gets
// through.
func (l *Link) awaitConnection(limit time.Duration) {
	o := l.conns.outage()
	if o == nil {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-o.ctx.Done():
	case <-timer.C:
	}
}

// end is the one place where a link ends; only the first call counts. No goroutine of the
// link begins once the connections are closed, and those that there are see Done.
func (l *Link) end(err error) {
	if l.ending.decide(err) {
		l.conns.close()
		l.ending.cancel()
	}
}

// broken ends the link with err, unless something else has ended it before, and returns
// what did.
func (l *Link) broken(err error) error {
	l.end(err)
	return l.ending.cause(err)
}

// writeBroken notes a failed write. The link ends a moment later, not at once: the other
// side's reason for closing may be on its way to the readers.
func (l *Link) writeBroken(err error) error {
	return l.ending.writeFailed(err, func() { l.end(err) })
}

// isOver tells whether the link is over.
func isOver(l *Link) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}
