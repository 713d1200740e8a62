package link

import (
	"context"
	"errors"
	"fmt"
	"net"

	"ferry/framing"
)

var (
	errTooMany    = fmt.Errorf("a link has at most %d streams", MaxStreams)
	errNotAllowed = errors.New("a stream beyond those that are allowed")
)

// Dialled tells whether this side opens the streams; the other cannot.
func (l *Link) Dialled() bool { return l.redial != nil }

// AllowStreams says how many streams the dialler may open, stream 0 included; MaxStreams
// at first. Those that are there already stay.
func (l *Link) AllowStreams(n int) { l.conns.allow(n) }

// Grow brings the link to n streams: the dialler opens them, all at once, the listener
// waits for them. It begins again when the link has been moved or joined again meanwhile.
// After an error the link has the streams that it has.
func (l *Link) Grow(ctx context.Context, n int) error {
	if n > MaxStreams {
		return &Error{Code: framing.CodeInternal, Op: "join", Err: errTooMany}
	}
	if l.redial == nil {
		return l.awaitStreams(ctx, n)
	}
	for {
		epoch, _ := l.conns.place()
		err := l.redial.openMore(ctx, n, epoch)
		now, _ := l.conns.place()
		switch {
		case l.NumStreams() >= n, err == nil && now == epoch:
			return nil
		case now != epoch && ctx.Err() == nil && !isOver(l):
			l.awaitConnection(closeLimit) // it was moved or joined again meanwhile
		default:
			l.conns.dropParked()
			return wrap("join", err)
		}
	}
}

// awaitStreams is the listener's Grow: streams come when the dialler opens them.
func (l *Link) awaitStreams(ctx context.Context, n int) error {
	for {
		have, grown := l.Growth()
		if have >= n {
			return nil
		}
		select {
		case <-grown:
		case <-l.Done():
			return l.ending.cause(&Error{Code: framing.CodeLost, Op: "join", Err: net.ErrClosed})
		case <-ctx.Done():
			return wrap("join", ctx.Err())
		}
	}
}

// add puts a proven connection into the link as stream number. The connection stays the
// caller's when there is an error.
func (l *Link) add(number int, c *ladder, epoch uint32) error {
	if epoch > 0 {
		return l.addAgain(number, c, epoch)
	}
	ch, err := l.adopt(c, epoch)
	if err != nil {
		return err
	}
	return l.begin(number, ch)
}

// begin puts a connection into the link of which nothing has crossed yet.
func (l *Link) begin(number int, ch *channel) error {
	close(ch.resent) // nothing is
	s := newStream(number, l, ch)
	return l.conns.add(s, ch, func() {
		if l.ending.said.Load() {
			s.out.endWriting() // EndWriting may not have seen it
		}
	})
}

// addAgain is add on a link that was joined again: the stream goes on, or is new.
func (l *Link) addAgain(number int, c *ladder, epoch uint32) error {
	// At the listener stream 0 may still be at its last step.
	l.awaitConnection(closeLimit)
	s := l.conns.stream(number)
	if s == nil {
		s = newStream(number, l, nil)
	}
	peer, err := c.exchange(s.in.detach())
	if err != nil {
		return err
	}
	ch, err := l.adopt(c, epoch)
	if err != nil {
		return err
	}
	return l.conns.addAgain(s, ch, func() { l.resend(s, ch, peer) })
}

// adopt makes a proven connection one of the link's.
func (l *Link) adopt(c *ladder, epoch uint32) (*channel, error) {
	if err := l.sockets.tune(c, l.cfg.timeout(), l.session.role); err != nil {
		return nil, err
	}
	c.raw.Promote(l.tally.pulse)
	return c.proven(epoch, l.session.sealed)
}

// resend sends on ch what the other side has not got of a stream. That may take long; the
// stream's reader runs already.
func (l *Link) resend(s *stream, ch *channel, peer uint64) {
	defer close(ch.resent)
	if err := s.out.resend(ch, peer, &s.in); err != nil {
		l.end(wrap("join", err))
	}
}
