package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach/lan"
	"ferry/transfer/reach/relayed"
	"ferry/transfer/reach/socket"
)

// This file shows how a side meets the other one:
//
//  1. Open takes a port, and claims a room at the relay.
//  2. Serve answers those who call, and those who ask on the LAN.
//  3. Meet waits for a call. A side that was given the code, or an address, looks for the
//     other one at the same time, and dials what it finds. The first link counts.
//  4. A lost link is made again by the way that it had, and soon by all others too.
//  5. Close gives up the port and the room.

// Ways says by which ways the other side is looked for.
type Ways struct {
	Role      link.Role
	Addresses []Address // to dial; may be empty
	Listen    string    // where to listen; "" does not
	// Spare has another port taken where that of Listen is in use.
	Spare bool
	// LAN has questions on the local network answered, and asked with Search.
	LAN bool
	// Search says that the code was given to this side, which looks for the other then.
	Search bool
	Room   string       // of a code that was given; "" has the relay choose a number
	Relay  *relayed.URL // nil: none
	Token  []byte       // that the relay asks for; nil is none
	// Patience is how long others are tried after one of them has refused the code; 0 is
	// no limit.
	Patience time.Duration
	// Dial makes all connections in the place of TCP, and looks up their names. With it
	// nothing is asked on the LAN.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Tell hears what is looked at and found; nil for nobody. It must not block.
	Tell func(News)
}

// Meeting is how one side comes to a link with the other, and keeps a way to it. Its
// methods may be called from several goroutines, but for Open's steps: Serve comes once and
// before Meet, and Close last.
type Meeting struct {
	ways     Ways
	inlet    *socket.Inlet // nil: this side only dials
	race     *race         // to the addresses that were given, or what became of each through Ways.Dial; nil without
	relay    relaying
	identity *link.Identity
	listener *link.Listener
	port     uint16        // that is listened on; 0 for none
	guesses  *link.Guesses // of the code, whichever side calls; nil before Serve

	ctx    context.Context // of the goroutines below, until Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex // guards what follows
	field    field
	asking   bool // the LAN is asked just now
	deaf     bool // the listener is closed: this side has dialled
	answerer *lan.Answerer
	current  *link.Link
	next     *link.Link // see anew
	climb    *Climb     // of the current link; nil without a relay
	path     string     // that was told last
}

// Open takes the port that w names, and a room at its relay. The error of a relay is a
// *relayed.Error.
func Open(ctx context.Context, w Ways) (m *Meeting, err error) {
	m = &Meeting{ways: w}
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.field.changed = make(chan struct{})
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
			m = nil
		}
	}()
	if m.identity, err = link.NewIdentity(); err != nil {
		return m, err
	}
	if err := m.listen(ctx); err != nil {
		return m, err
	}
	if len(w.Addresses) > 0 {
		m.race = newRace(w.Addresses, w.Patience)
		m.race.proxied = w.Dial != nil
	}
	if err := m.enter(ctx); err != nil {
		return m, err
	}
	m.field.fill(m.standing())
	return m, nil
}

// listen takes the port.
func (m *Meeting) listen(ctx context.Context) error {
	w := m.ways
	if w.Listen == "" {
		if w.Relay != nil && len(w.Addresses) == 0 {
			m.inlet = socket.NewInlet(nowhere())
		}
		return nil
	}
	ln, err := socket.Listen(ctx, w.Listen)
	if err != nil && w.Spare {
		if host, _, split := net.SplitHostPort(w.Listen); split == nil {
			ln, err = socket.Listen(ctx, net.JoinHostPort(host, "0"))
		}
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err) // which names the address
	}
	m.inlet = socket.NewInlet(ln.Addr())
	m.inlet.Feed(ln)
	m.port = portOf(ln.Addr())
	return nil
}

// nowhere is the address of a side that takes calls by a relay only.
func nowhere() net.Addr { return &net.TCPAddr{} }

func portOf(a net.Addr) uint16 {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return 0
	}
	return tcp.AddrPort().Port()
}

// Allocated is the number of the room that the relay has given this side; 0 for none.
func (m *Meeting) Allocated() uint64 {
	room := m.room()
	if room == nil {
		return 0
	}
	return uint64(room.Number())
}

// Addr is what is listened on, nil if nothing is.
func (m *Meeting) Addr() net.Addr {
	if m.port == 0 {
		return nil
	}
	return m.inlet.Addr()
}

// Calls is how many connections have come in.
func (m *Meeting) Calls() int64 {
	if m.listener == nil {
		return 0
	}
	return m.listener.Calls()
}

// Tries tells what became of each of the addresses that were given.
func (m *Meeting) Tries() []Try {
	if m.race == nil {
		return nil
	}
	return m.race.tried()
}

// Serve takes calls from now on. cfg is that of the links to come; room is that of its
// code.
func (m *Meeting) Serve(cfg link.Config, room string) error {
	m.ways.Room, m.guesses = room, link.NewGuesses(cfg.Code)
	if m.inlet == nil {
		return nil
	}
	cfg.SourceOf, cfg.Identity, cfg.Guesses = m.inlet.Source, m.identity, m.guesses
	l, err := link.Serve(m.inlet, cfg)
	if err != nil {
		return err
	}
	m.listener = l
	m.answer()
	return nil
}

// dials reports whether this side looks for the other.
func (m *Meeting) dials() bool {
	return len(m.ways.Addresses) > 0 || m.asksLAN() || m.relay.seeker != nil
}

func (m *Meeting) asksLAN() bool { return m.ways.LAN && m.ways.Search && m.ways.Dial == nil }

// anew keeps the link to the other side that has begun anew, for Meet.
func (m *Meeting) anew(l *link.Link) {
	m.mu.Lock()
	before := m.next
	m.next = l
	m.mu.Unlock()
	if before != nil {
		_ = before.Close() // which began anew once more
	}
}

// successor is what anew has kept, nil if there is nothing.
func (m *Meeting) successor() *link.Link {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.next
	m.next = nil
	return l
}

// Meet makes a link. A side that looks for the other does so for as long as wait, and one
// that waits for a call until ctx ends; 0 is no limit.
func (m *Meeting) Meet(ctx context.Context, cfg link.Config, wait time.Duration) (*link.Link, error) {
	if l := m.successor(); l != nil {
		if m.climbs() {
			m.prepareClimb(ctx)
		}
		m.met(l)
		return l, nil
	}
	var l *link.Link
	var err error
	switch {
	case !m.dials():
		within, cancel := limited(ctx, wait)
		defer cancel()
		l, err = m.listener.Accept(within)
	case m.listener == nil || m.isDeaf():
		l, err = m.dial(ctx, cfg, wait)
	default:
		l, err = m.both(ctx, cfg, wait)
	}
	if err != nil {
		return nil, err
	}
	m.met(l)
	return l, nil
}

func limited(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	if wait > 0 {
		return context.WithTimeout(ctx, wait)
	}
	return context.WithCancel(ctx)
}

// both dials and takes calls. The first link counts.
func (m *Meeting) both(ctx context.Context, cfg link.Config, wait time.Duration) (*link.Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		l       *link.Link
		err     error
		dialled bool
	}
	ends := make(chan end, 2)
	go func() {
		l, err := m.dial(ctx, cfg, wait)
		ends <- end{l, err, true}
	}()
	go func() {
		l, err := m.listener.Accept(ctx)
		ends <- end{l, err, false}
	}()
	first := <-ends
	cancel()
	second := <-ends
	switch {
	case first.err == nil && second.err == nil:
		// Two processes of the other side: the one that was found first stays.
		_ = second.l.Close()
		return first.l, nil
	case second.err == nil:
		return second.l, nil
	case first.err != nil && second.dialled && !errors.Is(second.err, context.Canceled):
		return nil, second.err
	}
	return first.l, first.err
}

// met notes the link that counts. A side that has dialled takes no more calls.
func (m *Meeting) met(l *link.Link) {
	m.mu.Lock()
	m.current = l
	if !l.Dialled() && m.climbs() {
		m.climb = m.climbFor(nil)
	}
	climb, ran := m.climb, make(chan struct{})
	if climb != nil {
		m.relay.ran = ran
	}
	m.mu.Unlock()
	if m.race != nil {
		m.race.settle()
	}
	if l.Dialled() && m.listener != nil {
		m.hush()
		_ = m.listener.Close()
		m.mu.Lock()
		m.deaf = true
		m.mu.Unlock()
	}
	if climb != nil {
		m.wg.Go(func() {
			defer close(ran)
			climb.Run(m.ctx, l)
		})
	}
}

// isDeaf tells whether no calls are taken any more.
func (m *Meeting) isDeaf() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.deaf
}

// Close ends what Open and Serve began. The link goes on without its further ways.
func (m *Meeting) Close() error {
	m.cancel()
	m.hush()
	var errs []error
	if m.listener != nil {
		errs = append(errs, m.listener.Close())
	} else if m.inlet != nil {
		errs = append(errs, m.inlet.Close())
	}
	if room := m.room(); room != nil {
		errs = append(errs, room.Close(false))
	}
	m.wg.Wait()
	if l := m.successor(); l != nil {
		errs = append(errs, l.Close())
	}
	if m.relay.own != nil {
		_ = m.relay.own.Close() // a climb may have done so
	}
	return errors.Join(errs...)
}

// Port is the port that is listened on, 0 for none.
func (m *Meeting) Port() uint16 { return m.port }

// Ports are those that were found on the LAN, which are dialled again if the link is lost.
func (m *Meeting) Ports() []uint16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []uint16
	for _, c := range m.field.all {
		if c.port != 0 {
			all = append(all, c.port)
		}
	}
	return all
}
