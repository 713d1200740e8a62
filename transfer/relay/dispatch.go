package relay

import (
	"context"
	"net"
	"net/netip"
	"time"

	"ferry/framing"
)

// outgoing is a frame on its way to a client.
type outgoing struct {
	frame framing.Type
	body  []byte
	last  bool
	end   bool // close after it
}

const (
	// outLength is how many frames may wait for a client that does not read. A CLAIM can
	// lead to CLAIMED and all KNOCKs that a room may have at once: 41.
	outLength = 64
	// writeTime is how long one may take.
	writeTime = 10 * time.Second
	// goodbyeTime is how long a client has to read a NO and to close.
	goodbyeTime = 2 * time.Second
	// pipesOfLink is how many descriptors the kernel's pipes of a link take.
	pipesOfLink = 4
)

// client is a connection that has asked for something.
type client struct {
	id     id
	guest  *guest // as it was before it asked; what it counts as again once refused
	conn   net.Conn
	raw    net.Conn // what conn is on, to be closed: that of TLS may have to wait
	source netip.Prefix
	seen   netip.AddrPort
	token  []byte
	asked  time.Time
	out    chan outgoing // outLength; only do sends, and never waits
	said   chan struct{} // closed when the last frame is out, or none follows
	gone   chan struct{} // closed by the goroutine that serves the client
	link   *link         // under Server.mu
}

// do tells the core of an event and does what it leads to. Nothing in it waits.
func (s *Server) do(event func(now time.Time)) {
	var causes []Cause
	s.mu.Lock()
	event(time.Now())
	for _, a := range s.core.take() {
		if c := s.clients[a.to]; c != nil {
			s.applyLocked(c, &a)
		}
		if a.kind == actEnd {
			causes = append(causes, causeOf(a.code))
		}
	}
	s.mu.Unlock()
	for _, cause := range causes {
		s.refused(cause)
	}
}

func (s *Server) applyLocked(c *client, a *action) {
	switch a.kind {
	case actSay:
		c.say(outgoing{frame: a.frame, body: a.body})
	case actEnd:
		if a.code != framing.CodeGaveUp { // that all are told in a drain, and all may read it
			s.giveWay(s.lobby.enter(c.guest))
		}
		c.say(outgoing{frame: a.frame, body: a.body, last: true, end: true})
	case actPair:
		s.pairLocked(c, s.clients[a.mate], a)
	}
}

// say queues a frame. A client that has not read as many is cut.
func (c *client) say(o outgoing) {
	select {
	case c.out <- o:
	default:
		c.raw.Close()
	}
}

// pairLocked makes a link of two connections.
func (s *Server) pairLocked(seeker, listener *client, a *action) {
	ctx, cancel := context.WithCancel(context.Background())
	one := limiterOf(s.cfg.Limits.LinkRate)
	l := &link{
		s: s, seeker: seeker, listener: listener, carried: a.carried,
		started: time.Now(), ctx: ctx, cancel: cancel,
		paces: [2]*pace{newPace(one, s.all), newPace(one, s.all)},
	}
	l.last.Store(l.started.Unix())
	l.left.Store(2)
	s.links[l] = true
	s.open.Add(pipesOfLink)
	s.counted.meetSeconds.Update(l.started.Sub(seeker.asked).Seconds())
	for _, c := range []*client{listener, seeker} {
		c.link = l
		c.say(outgoing{frame: a.frame, body: a.body, last: true})
	}
}

// write says what is queued until the last frame, or until the client has gone.
func (c *client) write() {
	defer close(c.said)
	w := framing.NewWriter(c.conn)
	for {
		var o outgoing
		select {
		case <-c.gone:
			return
		case o = <-c.out:
		}
		c.conn.SetWriteDeadline(time.Now().Add(writeTime))
		if err := w.WriteFrame(o.frame, o.body); err != nil {
			c.raw.Close()
			return
		}
		if !o.last {
			continue
		}
		c.conn.SetWriteDeadline(time.Time{})
		if o.end {
			if h, ok := c.conn.(halfCloser); ok {
				h.CloseWrite()
			}
			// The one who reads closes it. Closing with bytes unread would have the NO be lost.
			c.conn.SetReadDeadline(time.Now().Add(goodbyeTime))
		}
		return
	}
}

// causeOf is the word for a NO.
func causeOf(code framing.Code) Cause {
	switch code {
	case framing.CodePermission:
		return CauseToken
	case framing.CodeLocked:
		return CauseTaken
	case framing.CodeBusy:
		return CauseLimit
	case framing.CodeTimeout:
		return CauseAbsent
	case framing.CodeCodeRefused:
		return CauseGuesses
	case framing.CodeVanished:
		return CauseCall
	case framing.CodeGaveUp:
		return CauseLeaving
	}
	return CauseProtocol
}
