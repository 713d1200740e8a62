package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// host is a side of the simulated network. What it sends is a direction.
type host int

const (
	senderHost host = iota
	receiverHost
)

func (h host) String() string { return [...]string{"sender", "receiver"}[h] }
func (h host) other() host    { return 1 - h }

// simLine is what the network between the two hosts is like.
type simLine struct {
	latency time.Duration // one way
	jitter  time.Duration // added to it at random, so that streams overtake each other
	rate    int64         // bytes a second of one connection; 0: no limit
	segment int           // most bytes that arrive together
}

func (l *simLine) String() string {
	return fmt.Sprintf("%v + %v one way, %d B/s, segments of %d", l.latency, l.jitter, l.rate, l.segment)
}

// simNet joins the hosts by connections in memory, in the virtual time of the
// bubble: nobody waits for anything but a condition or a timer. TCP's promises
// hold, bytes in order or an error, until a fault breaks them.
type simNet struct {
	mu       sync.Mutex
	rng      *rand.Rand
	line     *simLine
	listener *simListener
	conns    []*simConn      // both ends of those that live
	sent     [2]int64        // bytes that each host gave to the network
	silence  [2]time.Time    // until when nothing that a host sends arrives
	refuse   time.Time       // until when dialling is refused
	faults   []*simFault     // those that wait for bytes, in any order
	fire     func(*simFault) // for what is not the network's own
	spoil    [2][]faultKind  // what happens to the next segment of a direction
	under    int64           // bytes under way
	most     int64           // of under, so far
}

func newSimNet(rng *rand.Rand, line *simLine, fire func(*simFault)) *simNet {
	return &simNet{rng: rng, line: line, fire: fire}
}

// owner is a process that has connections; dead, none of its calls does anything.
type owner struct {
	host host
	dead atomic.Bool
}

// dial is link.Config.Connect of a process.
func (n *simNet) dial(ctx context.Context, from *owner) (net.Conn, error) {
	n.mu.Lock()
	trip := 2 * (n.line.latency + n.someJitter())
	n.mu.Unlock()
	for {
		select {
		case <-time.After(trip):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		n.mu.Lock()
		if quiet := max(time.Until(n.silence[0]), time.Until(n.silence[1])); quiet > 0 {
			n.mu.Unlock()
			trip = quiet // the SYN is sent again meanwhile
			continue
		}
		l := n.listener
		if from.dead.Load() || l == nil || l.closed || time.Now().Before(n.refuse) {
			n.mu.Unlock()
			return nil, &net.OpError{Op: "dial", Net: "sim", Err: syscall.ECONNREFUSED}
		}
		near, far := n.pair(from, l.owner)
		l.queue = append(l.queue, far)
		l.cond.Broadcast()
		n.mu.Unlock()
		return near, nil
	}
}

// someJitter needs n.mu.
func (n *simNet) someJitter() time.Duration {
	if n.line.jitter == 0 {
		return 0
	}
	return time.Duration(n.rng.Int64N(int64(n.line.jitter)))
}

// pair needs n.mu.
func (n *simNet) pair(a, b *owner) (near, far *simConn) {
	out, in := newSimFlow(n, a.host), newSimFlow(n, b.host)
	near, far = &simConn{in: in, out: out, owner: a}, &simConn{in: out, out: in, owner: b}
	n.conns = append(n.conns, near, far)
	return near, far
}

// listen gives the host's only listener, which takes the place of an old one.
func (n *simNet) listen(o *owner) *simListener {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = &simListener{net: n, owner: o}
	n.listener.cond.L = &n.mu
	return n.listener
}

// kill ends a process as the kernel sees it: its sockets are closed, or, with
// power, are gone without a word.
func (n *simNet) kill(o *owner, power bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	o.dead.Store(true)
	if l := n.listener; l != nil && l.owner == o {
		l.closeLocked()
	}
	for _, c := range n.conns {
		if c.owner != o {
			continue
		}
		if power {
			c.in.lost, c.out.lost = true, true
		}
		c.closeLocked()
	}
	n.tidy()
}

// severLocked resets connections: all of them, or one. With one side only, the
// other hears nothing any more.
func (n *simNet) severLocked(f *simFault) {
	var hit []*simConn
	for _, c := range n.conns {
		if c.owner.host == f.host && !c.in.over() {
			hit = append(hit, c)
		}
	}
	if len(hit) == 0 {
		return
	}
	if f.one {
		hit = hit[n.rng.IntN(len(hit)):][:1]
	}
	for _, c := range hit {
		for _, fl := range []*simFlow{c.in, c.out} {
			fl.reset[f.host] = true
			if f.what == faultResetBoth {
				fl.reset[f.host.other()] = true
			} else {
				fl.lost = true
			}
			fl.cond.Broadcast()
		}
	}
}

// tidy forgets connections that are closed at both ends. It needs n.mu.
func (n *simNet) tidy() {
	live := n.conns[:0]
	for _, c := range n.conns {
		if !c.in.reader.closed || !c.out.reader.closed {
			live = append(live, c)
		}
	}
	clear(n.conns[len(live):])
	n.conns = live
}

// trigger fires the faults that wait for what host has sent by now, and returns
// how many bytes it may send before the next one is due.
func (n *simNet) trigger(h host, room int) int {
	waiting := n.faults[:0]
	for _, f := range n.faults {
		switch {
		case f.dir != h:
		case f.afterBytes <= n.sent[h]:
			n.apply(f)
			continue
		default:
			room = min(room, int(f.afterBytes-n.sent[h]))
		}
		waiting = append(waiting, f)
	}
	n.faults = waiting
	return room
}

// apply needs n.mu.
func (n *simNet) apply(f *simFault) {
	f.fired.Store(true)
	switch f.what {
	case faultResetBoth, faultResetOne:
		n.severLocked(f)
	case faultSilence:
		n.silence[f.host] = time.Now().Add(f.span)
	case faultSilenceBoth:
		n.silence[0], n.silence[1] = time.Now().Add(f.span), time.Now().Add(f.span)
	case faultRefuse:
		n.refuse = time.Now().Add(f.span)
		n.severLocked(&simFault{what: faultResetBoth, host: f.host})
	case faultFlip, faultLose, faultTwice:
		n.spoil[f.dir] = append(n.spoil[f.dir], f.what)
	default:
		go n.fire(f)
	}
}

// simListener hands out what was dialled.
type simListener struct {
	net    *simNet
	owner  *owner
	cond   sync.Cond
	queue  []*simConn
	closed bool
}

func (l *simListener) Accept() (net.Conn, error) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

func (l *simListener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.closeLocked()
	return nil
}

func (l *simListener) closeLocked() {
	if l.closed {
		return
	}
	l.closed = true
	for _, c := range l.queue {
		c.closeLocked()
	}
	l.queue = nil
	l.cond.Broadcast()
}

func (l *simListener) Addr() net.Addr { return simAddr(l.owner.host) }

type simAddr host

func (simAddr) Network() string  { return "sim" }
func (a simAddr) String() string { return host(a).String() + ":1" }

// simConn is one end of a connection.
type simConn struct {
	in, out *simFlow
	owner   *owner
}

func (c *simConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *simConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *simConn) LocalAddr() net.Addr         { return simAddr(c.owner.host) }
func (c *simConn) RemoteAddr() net.Addr        { return simAddr(c.owner.host.other()) }

func (c *simConn) SetReadDeadline(t time.Time) error  { return c.in.setDeadline(&c.in.reader, t) }
func (c *simConn) SetWriteDeadline(t time.Time) error { return c.out.setDeadline(&c.out.writer, t) }
func (c *simConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *simConn) CloseWrite() error {
	c.out.net.mu.Lock()
	defer c.out.net.mu.Unlock()
	c.out.finish(nil)
	return nil
}

func (c *simConn) Close() error {
	c.in.net.mu.Lock()
	defer c.in.net.mu.Unlock()
	c.closeLocked()
	c.in.net.tidy()
	return nil
}

// closeLocked ends an end as close(2) does: what was written still goes out, and
// what came and was not read turns the end into a reset.
func (c *simConn) closeLocked() {
	if c.in.reader.closed {
		return
	}
	c.in.reader.stop()
	var how error
	if len(c.in.segments) > 0 && !c.in.segments[0].last {
		how = syscall.ECONNRESET
	}
	c.in.drop()
	c.out.finish(how)
	c.out.writer.stop()
	c.in.cond.Broadcast()
	c.out.cond.Broadcast()
}
