package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/lan"
)

const (
	purposeRejoin = framing.PurposeRejoin
	// endless is a wait without a limit.
	endless = 100 * 365 * 24 * time.Hour
	// askAgain is how long a lost link is dialled before the LAN is asked anew where the
	// other side is now.
	askAgain = 2 * time.Second
)

// errOther says that what answers at an address is not who was found there.
var errOther = errors.New("another ferry has that address")

// dial makes a link to whatever is found, or was given.
func (m *Meeting) dial(ctx context.Context, cfg link.Config, wait time.Duration) (*link.Link, error) {
	cfg.Connect, cfg.Failed, cfg.Check, cfg.Guesses, cfg.Anew = m.connect, m.ended, m.check, m.guesses, m.anew
	if wait == 0 && m.ways.Search {
		wait = endless
	}
	if m.climbs() {
		m.prepareClimb(ctx)
		cfg.Connect = m.climbing
	}
	stop := m.ask()
	defer stop()
	addr := ""
	if m.race != nil {
		addr = m.race.Addr()
	}
	return link.Dial(ctx, addr, cfg, wait)
}

// connect makes the connections of a link, for link.Config.Connect.
func (m *Meeting) connect(ctx context.Context, want link.Want) (net.Conn, error) {
	if want.Purpose == framing.PurposeStream {
		return m.further(ctx, want)
	}
	if want.Purpose == framing.PurposeNew && want.Last != nil {
		return m.there(ctx, want)
	}
	if want.Purpose == purposeRejoin {
		timer := time.NewTimer(askAgain)
		asked := make(chan struct{})
		over, cancel := context.WithCancel(ctx)
		go func() {
			defer close(asked)
			defer timer.Stop()
			select {
			case <-timer.C:
				stop := m.ask()
				defer stop()
				<-over.Done()
			case <-over.Done():
			}
		}()
		defer func() {
			cancel()
			<-asked
		}()
	}
	h := &chase{meeting: m, want: want, began: time.Now(), runs: make(map[*candidate]*run), events: make(chan reached)}
	return h.first(ctx)
}

// further makes a connection for one more stream, to where the first one leads.
func (m *Meeting) further(ctx context.Context, want link.Want) (net.Conn, error) {
	m.mu.Lock()
	best := m.field.best
	m.mu.Unlock()
	if best != nil && (best.relayed || m.ways.Dial != nil) {
		return best.dial(ctx, want)
	}
	to := want.Last.RemoteAddr().String()
	if at, err := netip.ParseAddrPort(to); err == nil && m.isPunched(to) {
		return lan.Together(ctx, m.self(), at)
	}
	return link.Dialer().DialContext(ctx, "tcp", to)
}

// there makes a connection to whoever has just answered.
func (m *Meeting) there(ctx context.Context, want link.Want) (net.Conn, error) {
	m.mu.Lock()
	c := m.field.proving
	var dial func(context.Context, link.Want) (net.Conn, error)
	if c != nil {
		dial = c.dial
	}
	m.mu.Unlock()
	if dial == nil {
		return nil, ErrNobody
	}
	return dial(ctx, want)
}

// standing are the candidates that are known from the start.
func (m *Meeting) standing() (list []*candidate) {
	if m.race != nil && !m.race.proxied {
		list = append(list, &candidate{key: given, rank: rankGiven, dial: m.race.connect})
	}
	if m.ways.Dial != nil {
		for _, a := range m.ways.Addresses {
			list = append(list, m.through(a))
		}
	}
	if m.relay.seeker != nil {
		list = append(list, m.byRelay())
	}
	return list
}

// won notes whose connection is proved next.
func (m *Meeting) won(c *candidate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.field.proving, m.field.best = c, c
}

// lost notes why there is no connection by c. It tells whether that ends the search.
func (m *Meeting) lost(c *candidate, err error, want link.Want) (fatal bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(err, link.ErrNoWay) {
		c.out = true
	}
	// A relay that was named and is not there is never replaced by another way.
	return c.relayed && c.out && want.Purpose == framing.PurposeNew
}

// ended is told of a connection that ended with err before its proof.
func (m *Meeting) ended(at net.Addr, err error, final bool) {
	m.mu.Lock()
	c := m.field.proving
	if m.field.best == c {
		m.field.best = nil
	}
	if c != nil && c.key != given { // a race has turns of its own
		c.failed++
	}
	if final && c != nil {
		// A race rules out one of its addresses, and in a room somebody else may come.
		c.out = c.out || !c.relayed && (m.race == nil || c.key != given)
		m.field.refusedBy(c)
	}
	if final && m.field.refused.IsZero() {
		m.field.refused = time.Now()
	}
	n := News{Kind: NewsDropped, At: m.field.told(c, at), Err: err}
	if c != nil && c.relayed {
		n.At, n.Relay = "", m.ways.Relay.Host()
	}
	if final {
		n.Kind, n.Err = NewsRefused, nil
	}
	taken := m.relay.rival && !m.relay.passed && c != nil && c.relayed && (final || errors.Is(err, link.ErrSameRole))
	m.relay.passed = m.relay.passed || taken
	m.mu.Unlock()
	switch {
	case c == nil || m.race == nil:
	case m.race.proxied:
		m.race.through(c.key, err)
	case c.key == given:
		m.race.ended(at, err, final)
	}
	if final || c != nil && c.key != given {
		m.tell(n)
	}
	if taken {
		m.tell(News{Kind: NewsTaken, Relay: n.Relay})
	}
}

// check compares who answers with who was found there, before anything of the code is
// sent: another ferry at the same address, as on another network, costs neither side a
// guess.
func (m *Meeting) check(_ net.Conn, instance [8]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.field.answers = instance
	if c := m.field.proving; c != nil && c.instance != ([8]byte{}) && c.instance != instance {
		return errOther
	}
	return nil
}

// patienceLeft is how long others may yet be tried after a refused code. It needs m.mu.
func (m *Meeting) patienceLeft() (left time.Duration, bounded bool) {
	patience := m.ways.Patience
	if m.field.refused.IsZero() || patience <= 0 || m.current != nil {
		return 0, false
	}
	return patience - time.Since(m.field.refused), true
}

// settle ends the patience, which was for the question about the code.
func (r *race) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.patience = 0
}
