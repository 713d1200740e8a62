//go:build faults && linux

package faults

import (
	"net"
	"sync"
	"time"
)

// way is a direction through a gate.
type way int

const (
	forth way = iota // from who dials, here the sender
	back
)

// gate is a relay between the two sides in which faults happen at counted bytes,
// so that a seed gives the same fault again.
type gate struct {
	r  *round
	ln net.Listener

	mu     sync.Mutex
	target string
	passed [2]int64 // bytes of each way, over all connections
	faults []*fault
	pairs  map[*pair]struct{}
	ended  bool
	shut   bool // dialling is refused by closing at once
	wg     sync.WaitGroup
}

// fault happens once, when byte at of a way is about to pass.
type fault struct {
	way way
	at  int64
	do  func(p *pair, piece []byte)
}

// pair is one connection through the gate.
type pair struct {
	g    *gate
	ends [2]net.Conn // forth reads from 0, back from 1

	mu     sync.Mutex
	hole   [2]bool       // what comes is swallowed
	pace   int           // bytes a second, 0 for no limit
	stall  time.Duration // once, before the next piece
	closed chan struct{}
	once   sync.Once
}

func (r *round) gate(faults ...*fault) *gate {
	r.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(r, err)
	g := &gate{r: r, ln: ln, faults: faults, pairs: make(map[*pair]struct{})}
	g.wg.Go(g.accept)
	r.Cleanup(g.close)
	return g
}

func (g *gate) address() string { return g.ln.Addr().String() }

// lead says where connections go from now on.
func (g *gate) lead(to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = to
}

// refuse makes dialling fail until it is taken back.
func (g *gate) refuse(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

// close ends all connections and waits until nothing happens any more.
func (g *gate) close() {
	_ = g.ln.Close()
	g.mu.Lock()
	g.ended = true
	for p := range g.pairs {
		p.end(false)
	}
	g.mu.Unlock()
	g.wg.Wait()
}

func (g *gate) accept() {
	for {
		in, err := g.ln.Accept()
		if err != nil {
			return
		}
		g.wg.Go(func() { g.join(in) })
	}
}

func (g *gate) join(in net.Conn) {
	g.mu.Lock()
	to, shut := g.target, g.shut || g.ended
	g.mu.Unlock()
	if shut {
		reset(in)
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		reset(in)
		return
	}
	p := &pair{g: g, ends: [2]net.Conn{in, out}, closed: make(chan struct{})}
	g.mu.Lock()
	if g.ended {
		p.end(false)
	}
	g.pairs[p] = struct{}{}
	g.mu.Unlock()
	var both sync.WaitGroup
	for w := range way(2) {
		both.Go(func() { p.forward(w) })
	}
	both.Wait()
	p.end(false)
	g.mu.Lock()
	delete(g.pairs, p)
	g.mu.Unlock()
}

// next counts n bytes, cut at the next fault, which it returns if it stands at
// the first of them.
func (g *gate) next(w way, n int) (int, *fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, f := range g.faults {
		if f.way != w || f.at > g.passed[w]+int64(n) {
			continue
		}
		if room := f.at - g.passed[w]; room > 0 {
			n = int(room)
			continue
		}
		g.faults = append(g.faults[:i:i], g.faults[i+1:]...)
		return n, f
	}
	g.passed[w] += int64(n)
	return n, nil
}

func (p *pair) forward(w way) {
	from, to := p.ends[w], p.ends[1-w]
	buf := make([]byte, 16*kib)
	for {
		n, err := from.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			m, f := p.g.next(w, len(b))
			if f != nil {
				p.g.r.hit()
				f.do(p, b)
				continue
			}
			if !p.pass(w, to, b[:m]) {
				return
			}
			b = b[m:]
		}
		if err != nil {
			// An end of stream is passed on as one; anything else has ended the pair.
			if c, ok := to.(*net.TCPConn); ok && p.open(w) {
				_ = c.CloseWrite()
			}
			return
		}
	}
}

// pass sends b on, at the pair's pace; false once the pair has ended.
func (p *pair) pass(w way, to net.Conn, b []byte) bool {
	p.mu.Lock()
	hole, pace, stall := p.hole[w], p.pace, p.stall
	p.stall = 0
	p.mu.Unlock()
	if hole {
		return true
	}
	if stall > 0 && !p.after(stall) {
		return false
	}
	for len(b) > 0 {
		n := len(b)
		if pace > 0 {
			n = min(n, max(1, pace/10))
			if !p.after(time.Duration(n) * time.Second / time.Duration(pace)) {
				return false
			}
		}
		if _, err := to.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

// after waits; false if the pair ended meanwhile.
func (p *pair) after(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.closed:
		return false
	}
}

func (p *pair) open(w way) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.hole[w]
}

// end closes both connections, with a reset if hard.
func (p *pair) end(hard bool) {
	p.once.Do(func() {
		close(p.closed)
		for _, c := range p.ends {
			if hard {
				reset(c)
			} else {
				_ = c.Close()
			}
		}
	})
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// The faults of a network.

func cutHard(p *pair, _ []byte) { p.end(true) }
func cutSoft(p *pair, _ []byte) { p.end(false) }

// swallow lets nothing through any more, and tells nobody.
func swallow(ways ...way) func(*pair, []byte) {
	return func(p *pair, _ []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range ways {
			p.hole[w] = true
		}
	}
}

// flip changes one bit on its way.
func flip(bit uint) func(*pair, []byte) {
	return func(_ *pair, b []byte) { b[0] ^= 1 << (bit % 8) }
}

func pause(d time.Duration) func(*pair, []byte) {
	return func(p *pair, _ []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stall = d
	}
}

func slowTo(bytesPerSecond int) func(*pair, []byte) {
	return func(p *pair, _ []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pace = bytesPerSecond
	}
}

// then runs do, which has nothing to do with the connection.
func then(do func()) func(*pair, []byte) { return func(*pair, []byte) { do() } }
