package link

import (
	"errors"
	"fmt"
	"time"

	"ferry/framing"
)

// A link that loses its connections goes on over new ones:
//
//  1. A stream cannot read, nothing was heard for too long, or a new connection names a
//     higher epoch. lost closes all connections; the outage begins.
//  2. await waits for its end: the dialler dials (redial.go), the listener lets it come.
//  3. resume takes the connection that has proved itself for the next epoch, and stream 0
//     goes on over it. Each side says what it has received, and sends the rest again.
//  4. The dialler opens the further streams again, which go on likewise (join.go).

// ErrBegunAnew says that the other side has lost this session for good, most often because
// its process ended and was started again. Another delivery can begin with the same code.
var ErrBegunAnew = errors.New("the other side has begun anew")

var (
	errReplaced = errors.New("the other side has made a new connection")
	errStale    = errors.New("an epoch that is over")
	errNoStream = errors.New("no such stream")
)

// rejoins tells whether a lost connection is to be replaced.
func (l *Link) rejoins() bool { return l.window.Load() > 0 }

// RetryFor is how long a lost link is waited for.
func (l *Link) RetryFor() time.Duration { return time.Duration(l.window.Load()) }

// LimitRetry makes the time for which a lost link is waited for no longer than d: the two
// sides agree on the smaller one.
func (l *Link) LimitRetry(d time.Duration) {
	for {
		old := l.window.Load()
		if int64(d) >= old || l.window.CompareAndSwap(old, max(0, int64(d))) {
			return
		}
	}
}

// Lost returns since when the link has no connection, and why; ok is false while it has
// one.
func (l *Link) Lost() (since time.Time, cause error, ok bool) {
	o := l.conns.outage()
	if o == nil {
		return time.Time{}, nil, false
	}
	return o.since, o.cause, true
}

// lost gives up the link's connections because of ch, unless it is not among them any
// more. The link ends if it is not to be joined again.
func (l *Link) lost(ch *channel, err error) {
	switch {
	case !l.conns.has(ch):
	case l.ending.closing.Load(), l.ending.leaving.Load(), !l.rejoins():
		l.end(err)
	case l.conns.lose(ch, err):
		l.conns.news.tell()
	}
}

// lostSoon is lost a moment later: the other side's reason for closing may be on its way
// to the readers.
func (l *Link) lostSoon(ch *channel, err error) {
	l.ending.soon(func() { l.lost(ch, err) })
}

// await waits until the link goes on, dialling if that is this side's part, or ends it
// when the time is over.
func (l *Link) await(o *outage) {
	if l.redial != nil {
		l.redial.run(o)
		return
	}
	timer := time.NewTimer(l.RetryFor())
	defer timer.Stop()
	select {
	case <-timer.C:
		l.gaveUp(o, o.cause)
	case <-o.over:
	case <-l.Done():
	}
}

// gaveUp ends the link if it is still lost.
func (l *Link) gaveUp(o *outage, last error) {
	if l.conns.outage() == o {
		l.end(&Error{Code: framing.CodeLost, Op: "join", Err: fmt.Errorf("lost for longer than %v: %w", l.RetryFor(), last)})
	}
}

// resume puts c, which proved itself, in the place of the link's connections. c remains
// the caller's when there is an error, and the link waits on.
func (l *Link) resume(c *ladder, epoch uint32, tries int) (*channel, error) {
	first, lost, err := l.conns.rejoin(epoch)
	if err != nil {
		return nil, err
	}
	if lost {
		l.conns.news.tell()
	}
	peer, err := c.exchange(first.in.detach())
	if err != nil {
		return nil, err
	}
	ch, err := l.adopt(c, epoch)
	if err != nil {
		return nil, err
	}
	if err := l.conns.carryOn(ch, tries, func() { l.resend(first, ch, peer) }); err != nil {
		return nil, err
	}
	l.tally.pulse.Touch()
	l.conns.news.tell()
	return ch, nil
}
