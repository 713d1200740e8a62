package reach

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"ferry/transfer/link"
	"ferry/transfer/reach/socket"
)

const (
	// roundLimit is how long addresses are called in one round.
	roundLimit = 5 * time.Second
	// headStart is what calling as anybody would is given before PUNCH, beside two round
	// trips. What comes up within it needs no punching.
	headStart = 300 * time.Millisecond
	// moveLimit is how long a connection has to prove itself.
	moveLimit = 10 * time.Second
	// pathsLimit is how long the other side's PATHS are waited for.
	pathsLimit = 10 * time.Second
)

// rounds climbs whenever that may help, until ctx ends.
func (c *Climb) rounds(ctx context.Context, changed <-chan struct{}) {
	var next time.Time // of the next round
	before := false
	rest := firstRest
	for {
		_, theirs := c.on().Paths()
		again := watchEvery // to notice when it is not direct any more
		_, _, lost := c.on().Lost()
		switch left := time.Until(next); {
		case lost || c.isDirect():
			next, rest = time.Time{}, firstRest
		case left > 0:
			again = left
		case c.ready(ctx):
			c.round(ctx, before)
			before = true
			c.conclude()
			next, rest = time.Now().Add(rest), min(2*rest, longestRest)
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-changed:
			next, rest = time.Time{}, firstRest
		case <-theirs:
			next, rest = time.Time{}, firstRest
		}
		timer.Stop()
	}
}

// ready waits for the other side's PATHS.
func (c *Climb) ready(ctx context.Context) bool {
	timer := time.NewTimer(pathsLimit)
	defer timer.Stop()
	for {
		_, changed := c.on().Paths()
		if len(c.targets()) > 0 {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return len(c.calls) > 0 // it has not told, and has called all the same
		case <-ctx.Done():
			return false
		}
	}
}

// conclude notes what is to be said of a link that stays on the slow way.
func (c *Climb) conclude() {
	hint := ""
	if !c.isDirect() {
		theirs, _ := c.on().Paths()
		hint = c.portsChange(theirs)
	}
	c.mu.Lock()
	c.hint = hint
	c.mu.Unlock()
	c.tell()
}

// result is a connection of a round. punched tells that it came up when both called.
type result struct {
	conn    net.Conn
	plain   bool
	punched bool
}

// round calls the other side's addresses, and moves the link to the first connection that
// proves itself. It leaves no goroutine behind. A round that is not the first calls from a
// port of its own: firewalls remember for a while how calls from the same one ended.
func (c *Climb) round(ctx context.Context, again bool) (moved bool) {
	limit := headStart + 2*c.roundTrip()
	ctx, cancel := context.WithTimeout(ctx, limit+roundLimit)
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
	for _, to := range c.targets() {
		wg.Go(func() {
			if conn, err := link.Dialer().DialContext(ctx, "tcp", to.String()); err == nil {
				give(result{conn: conn, plain: true})
			}
		})
	}
	port := c.port
	if again && c.keepsPort() {
		if fresh, err := c.openGate(ctx, &wg, c.ownHosts(), give); err == nil {
			port = fresh
			defer c.closeGate(fresh)
		}
	}
	// PUNCH goes out before what the link has to carry, and says when.
	punches := port != 0 && c.on().Punch(limit) == nil
	punch := time.NewTimer(limit)
	defer punch.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-punch.C:
			if punches {
				c.punch(ctx, port, &wg, give)
			}
		case r := <-results:
			moved = c.take(ctx, r)
		case conn := <-c.calls:
			moved = c.take(ctx, result{conn: conn})
		}
		if moved {
			return true
		}
	}
}

// roundTrip is how long a message and its answer take over the link. Of a way by a relay
// the system knows the first half only: the other one is taken to be as long.
func (c *Climb) roundTrip() time.Duration {
	rtt := c.on().Path(0).MinRTT
	if c.opts.Seen != nil {
		rtt *= 2
	}
	return min(rtt, 2*time.Second)
}

// punch calls when the other side does, which hears of it later by half a round trip.
func (c *Climb) punch(ctx context.Context, port uint16, wg *sync.WaitGroup, give func(result)) {
	after := c.roundTrip() / 2
	for _, to := range c.targets() {
		wg.Go(func() {
			if conn, err := c.openTo(ctx, port, to, after); err == nil {
				give(result{conn: conn, punched: true})
			}
		})
	}
}

// openTo opens a connection together with the other side, from port.
func (c *Climb) openTo(ctx context.Context, port uint16, to netip.AddrPort, after time.Duration) (net.Conn, error) {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return socket.Open(ctx, port, to)
}

// take moves the link to a connection, if it proves itself.
func (c *Climb) take(ctx context.Context, r result) (moved bool) {
	to := r.conn.RemoteAddr().String()
	c.mu.Lock()
	c.plain[to], c.punched[to] = r.plain, r.punched
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	if err := c.on().Move(ctx, r.conn); err != nil {
		_ = r.conn.Close()
		return false
	}
	return true
}
