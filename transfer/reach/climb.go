package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/socket"
)

// A link that goes over a relay or ssh climbs to a direct connection:
//
//  1. Both sides tell PATHS: where this machine may be reached, and as what the relay sees
//     it (climb_paths.go).
//  2. The dialler calls the addresses of the other side, as anybody would (climb_round.go).
//  3. Soon after that it sends PUNCH. The listener calls the dialler's addresses, and the
//     dialler calls again half a round trip later, both from their shared ports. So each
//     firewall sees a connection go out (climb_punch.go).
//  4. The first connection on which the session proves itself is moved to: link.Move.
//     Further streams go the same way (climb_stream.go).
//  5. If there is none, the link stays where it is. It is tried again after a change of
//     addresses here or there, and now and then.
//  6. When the direct connection is lost, the link goes on over whatever is found, the
//     direct way first, and climbs again.

const (
	// watchEvery is how often the link's path and the addresses of this machine are looked at.
	watchEvery = 500 * time.Millisecond
	// addressesEvery is how often this machine is asked for its addresses, in looks.
	addressesEvery = 10
	// firstRest is the time between the first two rounds, which doubles up to longestRest.
	firstRest   = 3 * time.Second
	longestRest = 5 * time.Minute
)

// ClimbOptions say what a climb may use.
type ClimbOptions struct {
	// Connect makes the connections of the way that the link begins on, and falls back to.
	// The side that listens has none.
	Connect func(ctx context.Context, w link.Want) (net.Conn, error)
	// Slow tells whether an address that the link leads to is that way's, and Words names
	// it: "relay HOST" or "ssh".
	Slow  func(addr string) bool
	Words string
	// Listener is where the dialler takes connections, and whose port it calls from. It is
	// of socket.Listen, and belongs to the climb. Without one the other side cannot call.
	Listener *net.TCPListener
	// Inlet is where the listener puts the connections that it makes, and At is the address
	// of the socket of socket.Listen that feeds it. Without At nobody can call this side.
	Inlet *socket.Inlet
	At    net.Addr
	// Seen may be nil. It tells how a relay sees the shared port, as relayed.Claimed.Seen.
	Seen func() netip.AddrPort
	// Hosts are addresses of the other side that this side knows by itself. They are called
	// too, with the port that the other side tells.
	Hosts []netip.Addr
	// Tell may be nil. It hears of each change of Path, and must not block.
	Tell func(path string)
}

// Climb brings one link to a direct path. Any goroutine may use it.
type Climb struct {
	opts ClimbOptions
	port uint16 // the shared one; 0 if there is none
	// calls is connections that the other side has made, which nobody has used yet.
	calls   chan net.Conn
	telling chan struct{} // holds whoever sends PATHS: one after the other
	link    atomic.Pointer[link.Link]

	mu      sync.Mutex // guards what follows
	own     []framing.Path
	hint    string                  // why the last round found nothing
	told    string                  // the path that was told last
	punched map[string]bool         // remote addresses that only answer when they call too
	plain   map[string]bool         // remote addresses that answer anybody
	asked   map[uint16][]netip.Addr // further ports that the other side is to call, and where
	missed  net.Conn                // lost, and what called its other end proved nothing
}

// mostCalls is how many connections of the other side wait to be used.
const mostCalls = 8

// NewClimb makes a climb for a link that is yet to be made: its Connect belongs into the
// link's configuration at the side that dials.
func NewClimb(o ClimbOptions) *Climb {
	if o.Listener != nil {
		o.At = o.Listener.Addr()
	}
	c := &Climb{
		opts: o, calls: make(chan net.Conn, mostCalls),
		punched: make(map[string]bool), plain: make(map[string]bool), asked: make(map[uint16][]netip.Addr), telling: make(chan struct{}, 1),
	}
	if at, ok := o.At.(*net.TCPAddr); ok {
		c.port = at.AddrPort().Port()
	}
	return c
}

// Path tells how the link goes now: "direct" and what comes with it, or the slow way's
// words and why it stays there. It is empty before Run.
func (c *Climb) Path() string {
	l := c.on()
	if l == nil {
		return ""
	}
	addr, _, _ := l.Peer()
	slow := c.opts.Slow(addr)
	c.mu.Lock()
	punched, hint := c.punched[addr], c.hint
	c.mu.Unlock()
	switch {
	case !slow && punched:
		return bothClosed
	case !slow:
		return "direct"
	case hint != "":
		return c.opts.Words + " (" + hint + ")"
	}
	return c.opts.Words
}

// on is the link, nil before Run.
func (c *Climb) on() *link.Link { return c.link.Load() }

// isDirect tells whether the link has connections, and they are direct.
func (c *Climb) isDirect() bool {
	addr, _, _ := c.on().Peer()
	return !c.opts.Slow(addr)
}

// Run has l climb until it is over, or ctx ends. It waits for what it has begun, and closes
// the listener and what the other side has called and nobody used.
func (c *Climb) Run(ctx context.Context, l *link.Link) {
	c.link.Store(l)
	var wg sync.WaitGroup
	defer c.drain()
	defer wg.Wait()
	defer c.shut() // ends accept
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		select {
		case <-l.Done():
			cancel()
		case <-ctx.Done():
		}
	})
	if c.opts.Listener != nil {
		wg.Go(func() { c.accept(ctx) })
	}
	if _, caps, _ := l.Peer(); caps&framing.CapPaths == 0 {
		c.watch(ctx, make(chan struct{}, 1))
		return
	}
	changed := make(chan struct{}, 1)
	c.renew()
	if l.Dialled() {
		wg.Go(func() { c.rounds(ctx, changed) })
	} else {
		wg.Go(func() { c.punches(ctx) })
	}
	c.watch(ctx, changed)
}

// shut closes the listener, which ends accept.
func (c *Climb) shut() {
	if c.opts.Listener != nil {
		_ = c.opts.Listener.Close()
	}
}

// drain closes what nobody has used.
func (c *Climb) drain() {
	c.shut()
	for {
		select {
		case conn := <-c.calls:
			_ = conn.Close()
		default:
			return
		}
	}
}

// watch tells of changes of the path, and of the addresses here, until ctx ends.
func (c *Climb) watch(ctx context.Context, changed chan<- struct{}) {
	ticks := time.NewTicker(watchEvery)
	defer ticks.Stop()
	for n := 1; ; n++ {
		c.tell()
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if n%addressesEvery == 0 && c.renew() {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}
}

// tell tells the path if it is another one than before.
func (c *Climb) tell() {
	path := c.Path()
	c.mu.Lock()
	before := c.told
	c.told = path
	c.mu.Unlock()
	if before != path && c.opts.Tell != nil {
		c.opts.Tell(path)
	}
}

// renew tells the other side where this one may be reached, if that is another place than
// before.
func (c *Climb) renew() (changed bool) {
	if _, caps, _ := c.on().Peer(); caps&framing.CapPaths == 0 || c.port == 0 {
		return false
	}
	list := c.ownPaths()
	c.mu.Lock()
	changed = !slices.Equal(list, c.own)
	c.own = list
	c.mu.Unlock()
	if changed {
		_ = c.tellPaths() // on an error the link is over
	}
	return changed
}

// accept takes the calls of the other side until the listener is closed. Calls from
// addresses that it has not told are not its own.
func (c *Climb) accept(ctx context.Context) {
	for {
		conn, err := c.opts.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors are left, say
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchEvery):
			}
			continue
		}
		c.called(conn)
	}
}

// called keeps a call of the other side for whoever needs one.
func (c *Climb) called(conn net.Conn) {
	if !c.mayCall(conn.RemoteAddr()) {
		_ = conn.Close()
		return
	}
	select {
	case c.calls <- conn:
	default:
		_ = conn.Close()
	}
}
