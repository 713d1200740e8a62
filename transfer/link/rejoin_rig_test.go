package link

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link/memory"
)

// network makes memory connections that can be cut, flipped, swallowed and
// refused.
type network struct {
	inner *hall

	mu      sync.Mutex
	conns   []*faulty
	cuts    []net.Conn // further ones that cut closes
	refused error
	dials   int
}

// faulty is the dialler's end of a connection.
type faulty struct {
	*memory.Conn
	mu   sync.Mutex
	flip bool // the next write is damaged
	hole bool // writes vanish
}

func (f *faulty) Write(p []byte) (int, error) {
	f.mu.Lock()
	flip, hole := f.flip, f.hole
	f.flip = false
	f.mu.Unlock()
	switch {
	case hole:
		return len(p), nil
	case flip:
		bad := append([]byte(nil), p...)
		bad[len(bad)/2] ^= 4
		return f.Conn.Write(bad)
	}
	return f.Conn.Write(p)
}

func (n *network) connect(ctx context.Context, _ Want) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	err, inner := n.refused, n.inner
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	c, err := inner.dial(ctx)
	if err != nil {
		return nil, err
	}
	f := &faulty{Conn: c.(*memory.Conn)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, f)
	return f, nil
}

// each does something to every connection there is.
func (n *network) each(do func(*faulty)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		do(c)
	}
}

func (n *network) cut() {
	n.each(func(c *faulty) { _ = c.Close() })
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.cuts {
		_ = c.Close()
	}
}

func (n *network) refuse(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refused = err
}

// rejoining makes a link that rejoins for window, and notes what it tells.
type rejoining struct {
	*network
	a, b     *Link
	listener *Listener
	told     []EventKind // by either side
	anew     chan *Link  // of Config.Anew, the first
	slow     bool        // whoever tells of a loss is stopped for a while
	mu       sync.Mutex
}

func (r *rejoining) notify(e Event) {
	r.mu.Lock()
	if r.slow && e.Kind == EventLost {
		r.mu.Unlock()
		time.Sleep(MinTimeout / 2)
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	r.told = append(r.told, e.Kind)
}

func (r *rejoining) count(kind EventKind) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.told {
		if k == kind {
			n++
		}
	}
	return n
}

func newRejoining(t *testing.T, window time.Duration) *rejoining {
	t.Helper()
	r := &rejoining{anew: make(chan *Link, 1)}
	cfg := Config{Role: Receiver, Code: code(t, "7-right"), RetryFor: window, Notify: r.notify}
	var inner *hall
	r.listener, inner = memoryServer(t, cfg)
	r.network = &network{inner: inner}
	cfg.Role, cfg.Connect, cfg.Anew = Sender, r.connect, func(l *Link) { r.anew <- l }
	var err error
	if r.a, err = Dial(t.Context(), "memory:1", cfg, 0); err != nil {
		t.Fatal(err)
	}
	if r.b, err = r.listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rejoining) close() {
	r.a.Abort(nil)
	r.b.Abort(nil)
	_, _, _ = r.a.Close(), r.b.Close(), r.listener.Close()
}

// pour sends n numbered frames of random sizes on stream i of l.
func pour(l *Link, i, n int, seed uint64) error {
	rnd := mathrand.New(mathrand.NewPCG(seed, uint64(i)))
	for k := range n {
		m := framing.Bye{Code: framing.CodeNone, Message: fmt.Sprintf("%d %0*d", k, rnd.IntN(1000)+1, k)}
		if err := l.Stream(i).Send(rnd.IntN(3) > 0, framing.TypeBye, m.Append(nil)); err != nil {
			return err
		}
	}
	return l.Stream(i).Flush()
}

// drain expects the frames of pour, each once and in order; after counts them.
func drain(l *Link, i, n int, seed uint64, after func(k int)) error {
	rnd := mathrand.New(mathrand.NewPCG(seed, uint64(i)))
	for k := range n {
		if _, _, err := l.Stream(i).Next(); err != nil {
			return fmt.Errorf("frame %d: %w", k, err)
		}
		body, err := l.Stream(i).Body()
		if err != nil {
			return fmt.Errorf("frame %d: %w", k, err)
		}
		m, err := framing.ParseBye(body)
		if want := fmt.Sprintf("%d %0*d", k, rnd.IntN(1000)+1, k); err != nil || m.Message != want {
			return fmt.Errorf("frame %d is %.20q…, %w", k, m.Message, err)
		}
		rnd.IntN(3)
		after(k)
	}
	return nil
}

// proveOn proves the session on conn, as the redialler does.
func proveOn(ctx context.Context, r *redialler, conn net.Conn, hello framing.Hello) (*ladder, error) {
	c, err := r.shake(ctx, conn)
	if err != nil {
		return nil, err
	}
	return c, r.confirm(ctx, c, hello)
}
