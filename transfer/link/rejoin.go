package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"ferry/framing"
)

// A link that loses its connections goes on over new ones:
//
//  1. A stream cannot read, or nothing was heard for too long. lost closes all connections;
//     the outage begins.
//  2. await waits for its end: the dialler dials (redial.go), the listener lets it come.
//  3. resume takes the connection that has proved itself for the next epoch, and stream 0
//     goes on over it. Each side says what it has received, and sends the rest again.
//  4. The dialler opens the further streams again, which go on likewise (join.go).
//
// The connection of step 3 may come while the link has its own: the dialler moves the link
// (move.go), or has noticed a loss first. Then the outage begins with step 3. It is a loss
// only if the link does not go on at once.

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
	o := l.conns.loss()
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
	if !l.fallen(o) {
		return
	}
	if l.redial != nil {
		l.redial.run(o)
		return
	}
	timer := time.NewTimer(l.RetryFor())
	defer timer.Stop()
	select {
	case <-timer.C:
		l.gaveUp(o, o.cause)
	case <-o.ctx.Done():
	}
}

// fallen waits until an outage is over, or is a loss, and tells whether it is that.
func (l *Link) fallen(o *outage) bool {
	timer := time.NewTimer(o.limit)
	defer timer.Stop()
	for {
		select {
		case <-o.fell:
			return true
		case <-o.ctx.Done():
			return false
		case <-timer.C:
			if l.conns.expired(o) {
				l.conns.news.tell()
			}
		}
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
	// The other side's RESUME is on its way, or comes one round trip from now.
	first, err := l.conns.rejoin(epoch, answerLimit+3*c.shook)
	if err != nil {
		return nil, err
	}
	if _, overdue := l.Silence(); overdue && l.redial == nil {
		l.conns.failed(epoch, errReplaced) // the other side has noticed it first
	}
	ch, err := l.goOn(first, c, epoch, tries)
	if err != nil {
		l.conns.failed(epoch, wrap("join", err))
	}
	l.conns.news.tell()
	return ch, err
}

// goOn has stream 0 go on over c in the epoch that began.
func (l *Link) goOn(first *stream, c *ladder, epoch uint32, tries int) (*channel, error) {
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
	return ch, nil
}

// Move has the link go on over conn, a new connection to the same listener, and over more
// that Config.Connect makes, with conn as Want.Last. It is made before the old ways are
// given up: no byte is lost or comes twice. Both sides need a retry time. conn belongs to
// the link from here on, also after an error; the listener closes it unless Move comes
// within 2 s.
//
// After an error the link is as it was. If the new way fails once the other side has taken
// it, the link is lost, and joined again by Config.Connect as after any loss. A link that
// is lost already is joined again over conn. Several calls wait for one another.
func (l *Link) Move(ctx context.Context, conn net.Conn) error {
	err := errListens
	if l.redial != nil {
		err = l.redial.move(ctx, conn)
	}
	if err != nil {
		_ = conn.Close()
		return wrap("move", err)
	}
	return nil
}
