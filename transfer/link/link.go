package link

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/link/record"
)

// Link is a proven channel to the other side: one or more streams. When its connections
// are lost it goes on over new ones. Its goroutines end with Close, which must be called
// whatever came before.
//
// Its parts have locks of their own. The session does not change. conns has the streams and
// where they stand with their connections, ending knows how the link ends, vitals has what
// each side says of itself, paths where it may be reached, and tally what is counted. The side that dialled has a
// redialler, which makes the further connections.
type Link struct {
	cfg     Config
	session session
	rtt     time.Duration // round trip of the handshake
	window  atomic.Int64  // nanoseconds that a lost link is waited for
	conns   conns
	ending  ending
	vitals  vitals
	paths   paths
	tally   tally
	sockets sockets
	redial  *redialler // nil at the listener

	after      func() error // the last step of Close; may be nil
	closeBegun atomic.Bool
	closed     chan struct{} // closed when Close is done
}

// tally counts what crosses the connections of a link.
type tally struct {
	pulse  *record.Pulse
	resent atomic.Int64  // bytes
	heard  atomic.Uint64 // bytes of frames that say something, see Link.Received
}

// newLink makes the link that a proven exchange of HELLOs for a new session stands for. w
// is nil at the listener.
func newLink(c *ladder, cfg *Config, peer framing.Hello, p founder, w *way) (*Link, error) {
	s, err := p.found(cfg, peer)
	if err != nil {
		return nil, err
	}
	l := makeLink(cfg, s, c.raw.Conn, w)
	l.rtt = c.rtt
	if err := l.add(0, c, 0); err != nil {
		return nil, fmt.Errorf("first stream: %w", err)
	}
	l.start()
	return l, nil
}

// makeLink makes a link without streams, of which conn is the first connection.
func makeLink(cfg *Config, s session, conn net.Conn, w *way) *Link {
	l := &Link{cfg: *cfg, session: s, closed: make(chan struct{})}
	l.ending.init()
	l.conns = conns{ctx: l.ending.ctx, await: l.await, retryFor: l.RetryFor, parked: map[int]*stream{}, grown: make(chan struct{}), moved: make(chan struct{}), allowed: MaxStreams, last: conn}
	l.conns.news.to = func(e Event) {
		e.Link = l
		l.cfg.notify(e)
	}
	l.vitals.acks = make(chan struct{}, 1)
	l.paths.init(s.caps&framing.CapPaths != 0, w != nil)
	l.tally.pulse = record.NewPulse()
	l.window.Store(int64(max(0, cfg.RetryFor)))
	if w != nil {
		l.redial = newRedialler(l, *w)
	}
	return l
}

// NumStreams returns how many streams the link has; it only grows.
func (l *Link) NumStreams() int {
	n, _ := l.conns.count()
	return n
}

// Growth returns how many streams the link has, and what is closed when there are more.
func (l *Link) Growth() (n int, more <-chan struct{}) { return l.conns.count() }

// Stream returns stream i, 0 <= i < NumStreams().
func (l *Link) Stream(i int) framing.Stream { return l.conns.stream(i) }

// Peer returns the other side's address, the capabilities that both sides have, and the
// protocol version in force.
func (l *Link) Peer() (addr string, caps uint64, version uint16) {
	return l.address(), l.session.caps, l.session.version
}

// Role is this side's: which way the bytes go.
func (l *Link) Role() Role { return l.session.role }

// Who is what Keys.Admit returned for the peer, at the listener; nil if it proved a code.
func (l *Link) Who() any { return l.session.who }

// Near tells that the other side is on this machine, whatever lies between. False may also
// mean that the system does not tell.
func (l *Link) Near() bool { return l.session.near }

func (l *Link) address() string {
	_, last := l.conns.place()
	return addrOf(last)
}

// PeerState returns what the other side's last heartbeat said; ok is false before the
// first one.
func (l *Link) PeerState() (h framing.Heartbeat, ok bool) { return l.vitals.theirs() }

// SetState names the function that says what this side is doing, for heartbeats. It must
// not block, on a disk least of all.
func (l *Link) SetState(f func() (state uint8, progress uint64)) { l.vitals.own.Store(&f) }

// Resent is how many bytes were sent again because a connection was lost.
func (l *Link) Resent() int64 { return l.tally.resent.Load() }

// Traffic is how many bytes went over the link's connections in both directions, from the
// first of the TLS handshake on.
func (l *Link) Traffic() int64 { return l.tally.pulse.Traffic() }

// Received is how many bytes of frames have come for the caller, on all streams together,
// and of long records while they come. Frames for the link itself do not count, so it grows
// only while something is said.
func (l *Link) Received() uint64 { return l.tally.heard.Load() + l.tally.pulse.Bulk() }

// Path asks the system about the connection of stream i, 0 <= i < NumStreams().
func (l *Link) Path(i int) Path {
	p := Path{MinRTT: l.rtt}
	if ch := l.conns.stream(i).in.current(); ch != nil {
		readPath(ch.raw.Conn, &p)
	}
	return p
}

// ResistLoss has the link's connections, and those to come, take losses for what they are
// on a path that loses packets though nothing waits on it, in place of sending less after
// each. It tells whether this system can and allows it.
func (l *Link) ResistLoss() bool {
	if !mayResistLoss() {
		return false
	}
	l.sockets.resist.Store(true) // first, so that none that comes meanwhile is left out
	for _, s := range l.conns.all() {
		if ch := s.in.current(); ch != nil && !resistLoss(ch.raw.Conn) {
			return false
		}
	}
	return true
}

// Rein holds the connection of stream i back where it sends more than the path takes, as
// rein says. It is to be called again and again, by one goroutine.
func (l *Link) Rein(i int) {
	ch := l.conns.stream(i).in.current()
	if ch == nil {
		return
	}
	told, ok := readPacing(ch.raw.Conn)
	if !ok {
		return
	}
	was := ch.rein.limit
	if limit := ch.rein.next(told, l.Path(i), time.Now()); limit != was {
		limitPace(ch.raw.Conn, limit)
	}
}

// Deepen gives the link's connections, and those to come, more room for what is under way
// than the system gives of itself. It tells whether the system did so.
func (l *Link) Deepen() (ok bool) {
	l.sockets.deep.Store(true) // first, as above
	for _, s := range l.conns.all() {
		if ch := s.in.current(); ch != nil && deepen(ch.raw.Conn) {
			ok = true
		}
	}
	return ok
}
