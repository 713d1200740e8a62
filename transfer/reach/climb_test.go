package reach

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/socket"
)

// climber is a link that begins on a slow way, and both climbs. All of it is on loopback.
type climber struct {
	t                *testing.T
	dialler, other   *link.Link
	climb, otherOnes *Climb

	mu    sync.Mutex
	slow  map[string]bool // addresses of the slow way, as either side sees them
	conns []net.Conn      // that the listener has taken
	told  []string
}

func (c *climber) isSlow(addr string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slow[addr]
}

func (c *climber) tell(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, path)
}

// feed puts what calls ln into the inlet, as the slow way.
func (c *climber) feed(ln net.Listener, in *socket.Inlet) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		c.slow[conn.RemoteAddr().String()] = true
		c.mu.Unlock()
		_ = in.Put(conn, "relay:x")
	}
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := socket.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// newClimber makes the link. hosts is where the dialler may call the listener.
func newClimber(t *testing.T, streams int, hosts ...netip.Addr) *climber {
	t.Helper()
	c := &climber{t: t, slow: make(map[string]bool)}
	slow, fast, own := listen(t), listen(t), listen(t)
	c.slow[slow.Addr().String()] = true
	in := socket.NewInlet(fast.Addr())
	in.Feed(fast)
	var wg sync.WaitGroup
	wg.Go(func() { c.feed(slow, in) })

	cfg := link.Config{Role: link.Receiver, Code: code(t, "7-right-code-here"), RetryFor: time.Minute, Capabilities: framing.CapPaths}
	cfg.SourceOf = func(conn net.Conn) string {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.conns = append(c.conns, conn)
		return in.Source(conn)
	}
	l, err := link.Serve(in, cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.otherOnes = NewClimb(ClimbOptions{Slow: c.isSlow, Words: "relay r.example", Inlet: in, At: fast.Addr()})
	c.climb = NewClimb(ClimbOptions{
		Slow: c.isSlow, Words: "relay r.example", Listener: own, Hosts: hosts, Tell: c.tell,
		Connect: func(ctx context.Context, _ link.Want) (net.Conn, error) {
			return link.Dialer().DialContext(ctx, "tcp", slow.Addr().String())
		},
	})
	cfg.Role, cfg.SourceOf, cfg.Connect = link.Sender, nil, c.climb.Connect
	if c.dialler, err = link.Dial(t.Context(), "r.example", cfg, time.Minute); err != nil {
		t.Fatal(err)
	}
	if c.other, err = l.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.dialler.Grow(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	wg.Go(func() { c.climb.Run(ctx, c.dialler) })
	wg.Go(func() { c.otherOnes.Run(ctx, c.other) })
	for _, side := range []*link.Link{c.dialler, c.other} {
		for i := range streams {
			wg.Go(func() { swallow(side, i) })
		}
	}
	t.Cleanup(func() {
		cancel()
		_, _ = c.dialler.Close(), c.other.Close()
		_ = l.Close()
		_ = slow.Close()
		wg.Wait()
	})
	return c
}

// swallow reads stream i until the link is over.
func swallow(l *link.Link, i int) {
	for l.NumStreams() <= i {
		_, grown := l.Growth()
		select {
		case <-grown:
		case <-l.Done():
			return
		}
	}
	s := l.Stream(i)
	for {
		if _, _, err := s.Next(); err != nil {
			return
		}
		if _, err := s.Body(); err != nil {
			return
		}
	}
}

// await waits until path is what that climb says.
func (c *climber) await(climb *Climb, path string) {
	c.t.Helper()
	for until := time.Now().Add(time.Minute); climb.Path() != path; {
		if time.Now().After(until) {
			c.t.Fatalf("the path is %q, and not %q", climb.Path(), path)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A link climbs with all its streams, and comes back after the direct connections are cut.
func TestClimb(t *testing.T) {
	c := newClimber(t, 3, netip.MustParseAddr("127.0.0.1"))
	c.await(c.climb, "direct")
	c.await(c.otherOnes, "direct")
	if n := c.other.NumStreams(); n != 3 {
		t.Errorf("%d streams", n)
	}
	if err := c.dialler.Grow(t.Context(), 5); err != nil {
		t.Errorf("two streams more: %v", err)
	}
	c.mu.Lock()
	conns := c.conns
	c.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
	}
	c.await(c.climb, "direct")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told[0] != "relay r.example" && c.told[0] != "direct" {
		t.Errorf("told %q", c.told)
	}
}

// A link that finds no direct way stays where it is, and nobody is dialled that is not to
// be dialled: the only addresses are of loopback.
func TestClimbStays(t *testing.T) {
	c := newClimber(t, 1)
	c.await(c.climb, "relay r.example")
	if len(c.climb.targets()) != 0 {
		t.Errorf("to be dialled: %v", c.climb.targets())
	}
	if p := c.climb.Path(); p != "relay r.example" {
		t.Errorf("the path is %q", p)
	}
}

// Who changes ports is told from what a relay sees of both.
func TestPortsChange(t *testing.T) {
	seen := netip.MustParseAddrPort("203.0.113.7:5")
	c := NewClimb(ClimbOptions{At: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5}, Seen: func() netip.AddrPort { return seen }})
	same := []framing.Path{{Kind: framing.PathV4, Host: "192.0.2.9", Port: 6}, {Kind: framing.PathSeen, Host: "203.0.113.9", Port: 6}}
	other := []framing.Path{same[0], {Kind: framing.PathSeen, Host: "203.0.113.9", Port: 1066}}
	for _, step := range []struct {
		port   uint16
		theirs []framing.Path
		want   string
	}{{5, same, ""}, {5, nil, ""}, {0, same, ""}, {1066, same, "here"}, {5, other, "there"}, {1066, other, "both"}} {
		seen = netip.AddrPortFrom(seen.Addr(), step.port)
		if got := c.portsChange(step.theirs); !strings.Contains(got, step.want) || (step.want == "") != (got == "") {
			t.Errorf("port %d, theirs %v: %q, want %q", step.port, step.theirs, got, step.want)
		}
	}
}
