package selftest

import (
	"net"
	"sync"
	"time"
)

// relay passes connections on from the sender to the receiver. It counts what the sender
// sends, and stops at given counts until it is told to go on.
type relay struct {
	ln      net.Listener
	reached chan struct{} // one value for each stop
	wg      sync.WaitGroup

	mu     sync.Mutex
	cond   *sync.Cond // of mu: target, held, over and closed changed
	target string     // "" while there is no receiver
	passed int64      // bytes from the sender, over all connections
	stops  []int64    // of passed, ascending
	held   bool       // at a stop
	closed bool
	pairs  map[*pair]struct{}
}

// pair is one connection through the relay.
type pair struct {
	in, out net.Conn
	over    bool // was cut; of relay.mu
}

// drain is how long a receiver may take to read the end of a connection that was cut.
const drain = 10 * time.Second

func newRelay(target string, stops ...int64) (*relay, error) {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	r := &relay{ln: ln, reached: make(chan struct{}, len(stops)), target: target, stops: stops, pairs: make(map[*pair]struct{})}
	r.cond = sync.NewCond(&r.mu)
	r.wg.Go(r.accept)
	return r, nil
}

func (r *relay) address() string { return r.ln.Addr().String() }

// count is how many bytes the sender has sent.
func (r *relay) count() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed
}

// lead says where connections go from now on; until then, with "", they wait.
func (r *relay) lead(target string) {
	r.mu.Lock()
	r.target = target
	r.mu.Unlock()
	r.cond.Broadcast()
}

// goOn ends a stop.
func (r *relay) goOn() {
	r.mu.Lock()
	r.held = false
	r.mu.Unlock()
	r.cond.Broadcast()
}

// cut ends all connections. The sender sees a reset; the receiver gets all that was
// counted, and then the end. So what crosses twice is ferry's own doing.
func (r *relay) cut() {
	r.mu.Lock()
	var all []*pair
	for p := range r.pairs {
		if !p.over {
			p.over = true
			all = append(all, p)
		}
	}
	r.mu.Unlock()
	for _, p := range all {
		p.cut()
	}
	r.cond.Broadcast()
}

func (p *pair) cut() {
	if c, ok := p.in.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = p.in.Close()
	if c, ok := p.out.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
	_ = p.out.SetReadDeadline(time.Now().Add(drain))
}

// close ends everything and waits for the goroutines.
func (r *relay) close() {
	r.mu.Lock()
	r.closed = true
	all := make([]*pair, 0, len(r.pairs))
	for p := range r.pairs {
		p.over = true
		all = append(all, p)
	}
	r.mu.Unlock()
	r.cond.Broadcast()
	_ = r.ln.Close()
	for _, p := range all {
		_ = p.in.Close()
		_ = p.out.Close()
	}
	r.wg.Wait()
}

func (r *relay) accept() {
	for {
		in, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.join(in) })
	}
}

// join passes one connection on in both directions, until both have ended.
func (r *relay) join(in net.Conn) {
	defer in.Close()
	r.mu.Lock()
	for r.target == "" && !r.closed {
		r.cond.Wait()
	}
	target, closed := r.target, r.closed
	r.mu.Unlock()
	if closed {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	p := &pair{in: in, out: out}
	r.mu.Lock()
	closed = r.closed
	r.pairs[p] = struct{}{}
	r.mu.Unlock()
	if !closed {
		var both sync.WaitGroup
		both.Go(func() { r.forth(p) })
		both.Go(func() { p.back() })
		both.Wait()
	}
	r.mu.Lock()
	delete(r.pairs, p)
	r.mu.Unlock()
}

// forth passes on what the sender sends.
func (r *relay) forth(p *pair) {
	buf := make([]byte, 16<<10)
	for {
		n, err := p.in.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			m := r.take(p, len(b))
			if m == 0 {
				return
			}
			if _, err := p.out.Write(b[:m]); err != nil {
				return
			}
			b = b[m:]
		}
		if err != nil {
			if c, ok := p.out.(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
			return
		}
	}
}

// back passes on what the receiver sends. After a cut that goes nowhere.
func (p *pair) back() {
	buf := make([]byte, 16<<10)
	for {
		n, err := p.out.Read(buf)
		_, _ = p.in.Write(buf[:n]) // once the sender is gone the end of the receiver is awaited
		if err != nil {
			if c, ok := p.in.(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
			return
		}
	}
}

// take counts up to n bytes as passed, and waits at a stop. It returns how many may pass,
// 0 once the connection was cut.
func (r *relay) take(p *pair, n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		switch {
		case p.over || r.closed:
			return 0
		case r.held:
		case len(r.stops) > 0 && r.passed >= r.stops[0]:
			r.stops, r.held = r.stops[1:], true
			r.reached <- struct{}{} // has room for all of them
		default:
			if len(r.stops) > 0 {
				n = int(min(int64(n), r.stops[0]-r.passed))
			}
			r.passed += int64(n)
			return n
		}
		if r.held {
			r.cond.Wait()
		}
	}
}

// loopback is an address to listen on that only this machine reaches.
func loopback() string {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		if ln, err := net.Listen("tcp", address); err == nil {
			_ = ln.Close()
			return address
		}
	}
	return "127.0.0.1:0"
}
