//go:build unix

package link

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ferry/transfer/link/admission"
)

const (
	rungEnv    = "FERRY_TEST_RUNGS"
	rungCrowd  = 60 // strangers that are measured at a time, each from another address
	rungRounds = 3  // of which the cheapest counts: what else runs only adds
)

// TestRungListener is the listener whose CPU time TestStrangersAreCheap measures, in
// a process of its own. For each line on standard input it tells the time so far.
func TestRungListener(t *testing.T) {
	if os.Getenv(rungEnv) == "" {
		t.Skip("is run by TestStrangersAreCheap")
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counted := &open{Listener: inner}
	counted.none.L = &counted.mu
	l, err := Serve(counted, Config{Role: Receiver, Code: code(t, longCode)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			link, err := l.Accept(t.Context())
			if err != nil {
				return
			}
			link.Abort(nil)
			_ = link.Close()
		}
	})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		counted.untilNone()
		var use syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
			t.Fatal(err)
		}
		fmt.Println(use.Utime.Nano() + use.Stime.Nano())
	}
	_ = l.Close()
	wg.Wait()
}

// open counts the connections that are open.
type open struct {
	net.Listener
	mu   sync.Mutex
	n    int
	none sync.Cond // n has become 0
}

func (l *open) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n += n; l.n == 0 {
		l.none.Broadcast()
	}
}

func (l *open) untilNone() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.n > 0 {
		l.none.Wait()
	}
}

func (l *open) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.add(1)
	return &openConn{TCPConn: c.(*net.TCPConn), of: l}, nil
}

type openConn struct {
	*net.TCPConn
	of   *open
	once sync.Once
}

func (c *openConn) Close() error {
	c.once.Do(func() { c.of.add(-1) })
	return c.TCPConn.Close()
}

// meter measures what CPU time strangers cost a listener in a process of its own.
type meter struct {
	addr  string
	in    io.Writer
	lines *bufio.Scanner
	round byte // each crowd comes from addresses of its own
}

// used is the CPU time of the listener so far.
func (m *meter) used(t *testing.T) time.Duration {
	t.Helper()
	var ns int64
	if _, err := fmt.Fprintln(m.in); err != nil || !m.lines.Scan() {
		t.Fatal("the listener is gone")
	}
	if _, err := fmt.Sscan(m.lines.Text(), &ns); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ns)
}

// crowd is what one of a crowd costs, eight at a time.
func (m *meter) crowd(t *testing.T, play func(net.Conn) error) time.Duration {
	t.Helper()
	m.round++
	before := m.used(t)
	work := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range work {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, m.round, byte(i+1))}}
				conn, err := d.DialContext(t.Context(), "tcp4", m.addr)
				if err != nil {
					continue
				}
				_ = conn.SetDeadline(time.Now().Add(admission.ProofLimit))
				_ = play(conn)
				_ = conn.Close()
			}
		})
	}
	for i := range rungCrowd {
		work <- i
	}
	close(work)
	wg.Wait()
	return (m.used(t) - before) / rungCrowd
}

// honest is what an honest handshake costs, one after another: the least of some rounds.
func (m *meter) honest(t *testing.T) time.Duration {
	t.Helper()
	best := time.Duration(math.MaxInt64)
	for range rungRounds {
		before := m.used(t)
		for n := 0; n < rungCrowd; {
			if m.honestOnce(t) == nil {
				n++
			}
		}
		best = min(best, (m.used(t)-before)/rungCrowd)
	}
	return best
}

// honestOnce fails if another peer holds the session.
func (m *meter) honestOnce(t *testing.T) error {
	t.Helper()
	conn, err := net.Dial("tcp4", m.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d := newDialler(way{addr: m.addr}, Config{Role: Sender, Code: code(t, longCode)})
	if d.conf, err = strangerConfig(); err != nil {
		t.Fatal(err)
	}
	d.connect = func(context.Context, Want) (net.Conn, error) { return conn, nil }
	l, _, err := d.prove(t.Context(), conn, 0)
	if err != nil {
		return err
	}
	l.Abort(nil)
	_ = l.Close()
	return nil
}

// TestStrangersAreCheap measures what CPU time a stranger costs a listener on each rung of
// the ladder, and that none costs more than twice an honest handshake.
func TestStrangersAreCheap(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the loopback interface has one address")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestRungListener$")
	child.Env = append(os.Environ(), rungEnv+"=1", "GOMAXPROCS=2")
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _, _ = io.Copy(io.Discard, out); _ = child.Wait() }()
	m := &meter{in: in, lines: bufio.NewScanner(out)}
	if !m.lines.Scan() {
		t.Fatal("the listener does not start")
	}
	m.addr = m.lines.Text()
	m.honest(t) // warm
	for _, r := range rungs(t) {
		if strings.HasPrefix(r.name, "the same again") {
			m.round-- // by the addresses of the one before
		}
		got := m.crowd(t, r.play)
		base := m.honest(t)
		t.Logf("%-36s %6d µs, %.2f of an honest handshake beside it (%d µs)", r.name, got.Microseconds(), float64(got)/float64(base), base.Microseconds())
		for tries := 1; got > 2*base; tries++ {
			if tries == rungRounds {
				t.Errorf("%s costs %v, an honest handshake %v", r.name, got, base)
				break
			}
			got = min(got, m.crowd(t, r.play))
		}
	}
}
