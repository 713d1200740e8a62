package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/relayed"
	"ferry/transfer/reach/socket"
)

// A relay has one side in a room, and others come to it. Whoever made the code up is in
// the room that the relay has chosen for it. Of two sides that were given the code the
// sender is in its room and the receiver comes, as on the LAN. A side that finds the room
// taken comes to whoever is in it: that is the other side, or costs one guess.

// relaying is what a Meeting has at its relay.
type relaying struct {
	claimed *relayed.Claimed // nil: no room is held; guarded by the mutex of the Meeting
	rival   bool             // the room was taken when this side came: it is claimed once it is free
	sought  bool             // who has it was sought; guarded likewise
	passed  bool             // who has it was told of as another delivery; guarded likewise
	seeker  *relayed.Seeker  // nil: nobody is come to
	own     *net.TCPListener // where the seeker's side may be called once there is a link
	ran     chan struct{}    // closed when the last climb is over, which had own
}

// enter claims a room at the relay, or gets ready to come to one.
func (m *Meeting) enter(ctx context.Context) error {
	w := m.ways
	if w.Relay == nil {
		return nil
	}
	listens := m.inlet != nil && !(w.Search && w.Role == link.Receiver)
	if listens {
		err := m.claim(ctx)
		var no *relayed.Error
		if err == nil || w.Room == "" || !errors.As(err, &no) || no.Code != framing.CodeLocked {
			return err
		}
		m.relay.rival = true
	}
	o := relayed.SeekOptions{Options: m.relayOptions(0), Room: w.Room, Skip: m.isStranger, Tell: m.relayState}
	if w.Dial == nil {
		ln, err := socket.Listen(ctx, ":0")
		if err == nil { // without it the other side cannot call, and may be called all the same
			m.relay.own, o.Port = ln, portOf(ln.Addr())
		}
	}
	m.relay.seeker = relayed.NewSeeker(*w.Relay, o)
	return nil
}

func (m *Meeting) claim(ctx context.Context) error {
	c, err := relayed.Claim(ctx, *m.ways.Relay, relayed.ClaimOptions{
		Options: m.relayOptions(m.port), Room: m.ways.Room, Instance: m.identity.Instance(), Inlet: m.inlet, Tell: m.relayState,
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.relay.claimed = c
	return err
}

// room is the one that this side holds, nil if it holds none.
func (m *Meeting) room() *relayed.Claimed {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.relay.claimed
}

// isStranger tells whether who is in the room has refused the code.
func (m *Meeting) isStranger(instance [8]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.field.unknown, instance)
}

func (m *Meeting) relayOptions(port uint16) relayed.Options {
	return relayed.Options{Token: m.ways.Token, Dial: m.ways.Dial, Port: port}
}

// relayState passes on how the relay does.
func (m *Meeting) relayState(s relayed.State) {
	switch s.Kind {
	case relayed.Lost:
		m.tell(News{Kind: NewsRelay, Relay: m.ways.Relay.Host(), Err: s.Err})
	case relayed.Back:
		m.tell(News{Kind: NewsRelay, Relay: m.ways.Relay.Host()})
	}
}

// byRelay is the candidate that comes to the room.
func (m *Meeting) byRelay() *candidate {
	return &candidate{key: "relay", rank: rankRelay, relayed: true, dial: m.comeToRoom}
}

// comeToRoom makes a connection to whoever is in the room. A side that found its room taken
// takes it once it is free, and then waits there: the other side comes to it.
func (m *Meeting) comeToRoom(ctx context.Context, want link.Want) (net.Conn, error) {
	if !m.relay.rival || want.Purpose != framing.PurposeNew || want.Last != nil {
		return m.relay.seeker.Connect(ctx, want)
	}
	// While it is taken, who has it is sought: it may be the other side.
	if m.room() == nil && m.mayClaim() && m.claim(ctx) == nil {
		m.tell(News{Kind: NewsHeld, Relay: m.ways.Relay.Host()})
	}
	if m.room() == nil {
		return m.relay.seeker.Connect(ctx, want)
	}
	<-ctx.Done()
	return nil, ErrNobody
}

// mayClaim tells whether somebody was sought in the room before.
func (m *Meeting) mayClaim() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.relay.sought
	m.relay.sought = true
	return before
}

// leads tells whether a link that leads to addr goes by the relay.
func (m *Meeting) leads(addr string) bool {
	room := m.room()
	return m.relay.seeker != nil && m.relay.seeker.Leads(addr) || room != nil && room.Leads(addr)
}

// climbs reports whether a link may move to a better path than the relay's.
func (m *Meeting) climbs() bool { return m.ways.Relay != nil && m.ways.Dial == nil }

// prepareClimb makes the climb of the link that this side dials next. The port of the
// last climb is taken again: the relay knows it, and so do firewalls on the way.
func (m *Meeting) prepareClimb(ctx context.Context) {
	if m.relay.ran != nil && m.relay.own != nil {
		select {
		case <-m.relay.ran: // soon: its link is over
		case <-ctx.Done():
		}
		m.relay.ran = nil
		// Without it the other side cannot call, and may be called all the same.
		m.relay.own, _ = socket.Listen(ctx, fmt.Sprintf(":%d", portOf(m.relay.own.Addr())))
	}
	climb := m.climbFor(m.connect)
	m.mu.Lock()
	m.climb = climb
	m.mu.Unlock()
}

// climbing is the Connect of links that climb.
func (m *Meeting) climbing(ctx context.Context, want link.Want) (net.Conn, error) {
	m.mu.Lock()
	climb := m.climb
	m.mu.Unlock()
	return climb.Connect(ctx, want)
}

// climbFor prepares the climb of a link that is dialled by connect, or with nil is taken.
func (m *Meeting) climbFor(connect func(context.Context, link.Want) (net.Conn, error)) *Climb {
	o := ClimbOptions{Connect: connect, Slow: m.leads, Words: "relay " + m.ways.Relay.Host(), Tell: m.moved}
	if connect != nil {
		o.Listener = m.relay.own
	} else {
		o.Inlet, o.At = m.inlet, m.Addr()
	}
	o.Seen = func() netip.AddrPort {
		if connect != nil && m.relay.seeker != nil {
			return m.relay.seeker.Seen()
		}
		if room := m.room(); room != nil {
			return room.Seen()
		}
		return netip.AddrPort{}
	}
	return NewClimb(o)
}

// moved tells of the path of the link, unless it was direct from the start.
func (m *Meeting) moved(path string) {
	m.mu.Lock()
	first := m.path == ""
	m.path = path
	m.mu.Unlock()
	if !first || !IsDirect(path) {
		m.tell(News{Kind: NewsPath, Path: path, Relay: m.ways.Relay.Host()})
	}
}

// Path is the way of the newest link now: it begins with direct or relay. It is empty
// without a link.
func (m *Meeting) Path() string {
	m.mu.Lock()
	l := m.current
	m.mu.Unlock()
	if l == nil {
		return ""
	}
	return m.PathOf(l)
}

// PathOf is Path of one of several links.
func (m *Meeting) PathOf(l *link.Link) string {
	m.mu.Lock()
	climb, best := m.climb, m.field.best
	if l != m.current {
		climb = nil
	}
	m.mu.Unlock()
	if climb != nil {
		if path := climb.Path(); path != "" && path != direct {
			return path
		}
	}
	addr, _, _ := l.Peer()
	byRelay := m.leads(addr)
	if m.ways.Dial != nil && l.Dialled() { // whatever goes through a proxy leads to it
		byRelay = best != nil && best.relayed
	}
	if byRelay {
		return "relay " + m.ways.Relay.Host()
	}
	if m.isPunched(addr) {
		return bothClosed
	}
	return direct
}
