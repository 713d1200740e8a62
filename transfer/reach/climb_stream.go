package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/socket"
)

const (
	// plainLimit is how long a direct address is called as anybody would, before both
	// sides call or the slow way is taken.
	plainLimit = 1500 * time.Millisecond
	// plainHead is the head start of that for a further stream.
	plainHead = 400 * time.Millisecond
)

var errNotCalled = errors.New("neither side could call the other for one more connection")

// Connect makes a connection for the link, at the side that dialled. Further streams of a
// direct link go the way of its first. A lost one tries that way before the slow one.
func (c *Climb) Connect(ctx context.Context, w link.Want) (net.Conn, error) {
	if w.Last == nil || !c.isOurs(w.Last) {
		return c.opts.Connect(ctx, w)
	}
	switch w.Purpose {
	case framing.PurposeStream:
		return c.further(ctx, w.Last)
	case framing.PurposeNew:
		return link.Dialer().DialContext(ctx, "tcp", w.Last.RemoteAddr().String())
	}
	c.mu.Lock()
	missed := c.missed == w.Last
	c.missed = nil
	if !missed {
		c.missed = w.Last // if this connection proves itself, Last is another the next time
	}
	c.mu.Unlock()
	if !missed {
		short, cancel := context.WithTimeout(ctx, plainLimit)
		defer cancel()
		if conn, err := link.Dialer().DialContext(short, "tcp", w.Last.RemoteAddr().String()); err == nil {
			return conn, nil
		}
	}
	return c.opts.Connect(ctx, w)
}

// isOurs tells whether the climb has made a connection, and not the way that the link
// began on.
func (c *Climb) isOurs(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ours := c.plain[conn.RemoteAddr().String()]
	return ours
}

// further makes one more connection beside last. It calls, and if nobody answers it has
// the other side call at the same time, each on a port of its own here.
func (c *Climb) further(ctx context.Context, last net.Conn) (net.Conn, error) {
	to := last.RemoteAddr().String()
	c.mu.Lock()
	plain, punched := c.plain[to], c.punched[to]
	c.mu.Unlock()
	if plain {
		return link.Dialer().DialContext(ctx, "tcp", to)
	}
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	results := make(chan result)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		go func() { wg.Wait(); close(results) }()
		for r := range results {
			_ = r.conn.Close()
		}
	}()
	give := func(r result) {
		select {
		case results <- r:
		case <-ctx.Done():
			_ = r.conn.Close()
		}
	}
	head := time.Duration(0)
	if !punched {
		head = plainHead
		wg.Go(func() {
			if conn, err := link.Dialer().DialContext(ctx, "tcp", to); err == nil {
				give(result{conn: conn, plain: true})
			}
		})
	}
	wg.Go(func() { c.ask(ctx, last, head, give) })
	select {
	case r := <-results:
		if r.plain {
			c.mu.Lock()
			c.plain[to] = true
			c.mu.Unlock()
		}
		return r.conn, nil
	case <-ctx.Done():
		return nil, errNotCalled
	}
}

// ask has the other side call a port of its own while this side calls from it.
func (c *Climb) ask(ctx context.Context, last net.Conn, head time.Duration, give func(result)) {
	timer := time.NewTimer(head)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	from, ok := last.LocalAddr().(*net.TCPAddr)
	to, known := last.RemoteAddr().(*net.TCPAddr)
	if !ok || !known {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	port, err := c.openGate(ctx, &wg, []netip.Addr{from.AddrPort().Addr()}, give)
	if err != nil {
		return
	}
	defer c.closeGate(port)
	if c.on().Punch(0) != nil {
		return
	}
	end := netip.AddrPortFrom(to.AddrPort().Addr().Unmap(), to.AddrPort().Port())
	if conn, err := c.openTo(ctx, port, end, c.roundTrip()/2); err == nil {
		give(result{conn: conn, punched: true})
	}
	<-ctx.Done() // the other side's call may be on its way
}

// openGate opens a port that the other side is to call at hosts, addresses of this machine,
// and as a relay would see it. It takes calls until ctx ends, by a goroutine of wg.
func (c *Climb) openGate(ctx context.Context, wg *sync.WaitGroup, hosts []netip.Addr, give func(result)) (port uint16, err error) {
	ln, err := socket.Listen(ctx, ":0")
	if err != nil {
		return 0, err
	}
	port = ln.Addr().(*net.TCPAddr).AddrPort().Port()
	wg.Go(func() {
		stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
		defer stop()
		for {
			conn, err := ln.Accept()
			if err != nil {
				_ = ln.Close()
				return
			}
			if c.mayCall(conn.RemoteAddr()) {
				give(result{conn: conn})
			} else {
				_ = conn.Close()
			}
		}
	})
	c.mu.Lock()
	c.asked[port] = hosts
	c.mu.Unlock()
	return port, c.tellPaths()
}

// closeGate has the other side forget the port.
func (c *Climb) closeGate(port uint16) {
	c.mu.Lock()
	delete(c.asked, port)
	c.mu.Unlock()
	_ = c.tellPaths() // on an error the link is over
}

// tellPaths tells the other side where this one may be reached. While further connections
// are asked for, that is at their ports only: nothing else needs to be called. The last
// list that is told is the newest.
func (c *Climb) tellPaths() error {
	c.telling <- struct{}{}
	defer func() { <-c.telling }()
	seen := c.seen()
	c.mu.Lock()
	list := c.own
	if len(c.asked) > 0 {
		list = nil
	}
	for port, hosts := range c.asked {
		for _, ip := range hosts {
			list = append(list, pathTo(ip, port))
		}
		if seen.IsValid() {
			list = append(list, framing.Path{Kind: framing.PathSeen, Host: seen.Addr().String(), Port: port})
		}
	}
	c.mu.Unlock()
	return c.on().TellPaths(list[:min(len(list), framing.MaxPaths)])
}
