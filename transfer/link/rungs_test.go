//go:build unix

package link

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/cpace"
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
		for counted.n.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
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
	n atomic.Int64
}

func (l *open) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.n.Add(1)
	return &openConn{TCPConn: c.(*net.TCPConn), of: l}, nil
}

type openConn struct {
	*net.TCPConn
	of   *open
	once sync.Once
}

func (c *openConn) Close() error {
	c.once.Do(func() { c.of.n.Add(-1) })
	return c.TCPConn.Close()
}

// rung is a way in which a stranger spends a listener's time. It plays on a
// connection and then goes.
type rung struct {
	name string
	play func(net.Conn) error
}

func rungs(t *testing.T) []rung {
	t.Helper()
	hello := clientHello(t)
	with := func(change func(*tls.Config)) func(net.Conn) error {
		own, err := newTLSConfig()
		if err != nil {
			t.Fatal(err)
		}
		return func(c net.Conn) error {
			conf := own.Clone()
			change(conf)
			_, err := ladderWith(c, conf)
			return err
		}
	}
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(key crypto.Signer, change func(*x509.Certificate)) [][]byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
		change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), issuer)
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{der}
	}
	withKey := func(key crypto.Signer, change func(*x509.Certificate)) func(net.Conn) error {
		chain := certificate(key, change)
		return with(func(c *tls.Config) { c.Certificates = []tls.Certificate{{Certificate: chain, PrivateKey: key}} })
	}
	plain := func(*x509.Certificate) {}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := certificate(p521, plain)[0]
	many := func(bytes int) func(net.Conn) error {
		return with(func(c *tls.Config) {
			own := c.Certificates[0]
			chain := own.Certificate[:1:1]
			for bytes := bytes - 2<<10; bytes > len(small); bytes -= len(small) + 5 {
				chain = append(chain, renumbered(small))
			}
			own.Certificate = chain
			c.Certificates = []tls.Certificate{own}
		})
	}
	return []rung{
		{"connect and go", func(net.Conn) error { return nil }},
		{"garbage", func(c net.Conn) error {
			b := make([]byte, 4<<10)
			_, _ = rand.Read(b)
			return put(c, b)
		}},
		{"one byte", func(c net.Conn) error { return put(c, hello[:1]) }},
		{"ClientHello", func(c net.Conn) error {
			if err := put(c, hello); err != nil {
				return err
			}
			_, err := io.ReadFull(c, make([]byte, 1))
			return err
		}},
		{"ClientHello of 64 KiB", func(c net.Conn) error { return put(c, endlessHello()) }},
		{"P-521 key share", with(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} })},
		{"P-521 key share and certificate", with(func(c *tls.Config) {
			c.CurvePreferences = []tls.CurveID{tls.CurveP521}
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{small}, PrivateKey: p521}}
		})},
		{"two ClientHellos", with(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256, tls.X25519} })},
		{"P-256 certificate", withKey(issuer, plain)},
		{"P-384 certificate", withKey(p384, plain)},
		{"P-521 certificate", withKey(p521, plain)},
		{"RSA certificate of 8192 bits", withKey(rsaKey(t), plain)},
		{"15 KiB of names", withKey(issuer, func(c *x509.Certificate) {
			for range 900 {
				c.URIs = append(c.URIs, &url.URL{Scheme: "a", Opaque: "b"})
			}
			for range 700 {
				c.DNSNames = append(c.DNSNames, "a.b")
			}
		})},
		{"15 KiB of certificates", many(15 << 10)},
		{"250 KB of certificates", many(250_000)},
		{"TLS", func(c net.Conn) error { _, err := shake(c); return err }},
		{"TLS and 32 changes of the key", keyChanges},
		{"HELLO", func(c net.Conn) error {
			ch, err := shake(c)
			if err == nil {
				err = sayHello(ch, func(*framing.Hello) {})
			}
			if err == nil {
				_, _, err = readHello(ch, Sender)
			}
			return err
		}},
		{"HELLO for an unknown session", func(c net.Conn) error {
			ch, err := shake(c)
			if err == nil {
				err = sayHello(ch, func(h *framing.Hello) {
					h.Purpose, h.Method, h.Session[0], h.Stream = framing.PurposeStream, framing.MethodSession, 1, 1
				})
			}
			if err == nil {
				_, err = ch.expect(framing.TypeHello)
			}
			return err
		}},
		{"HELLO, all PADs and a wrong PROOF", func(c net.Conn) error {
			ch, err := shake(c)
			if err == nil {
				err = sayHello(ch, func(*framing.Hello) {})
			}
			for i := 0; err == nil && i < maxPads; i++ {
				err = ch.send(framing.TypePad, padding())
			}
			if err != nil {
				return err
			}
			_, _, _ = readHello(ch, Sender)
			var p framing.Proof
			_ = ch.send(framing.TypeProof, p.Append(nil))
			_, err = readProof(ch)
			return err
		}},
		{"HELLO and a wrong PROOF", guessOnce},
		{"the same again, while it is refused", func(c net.Conn) error {
			return guessOnce(c) // by the addresses of the one before
		}},
	}
}

// ladderWith runs TLS with conf as a stranger.
func ladderWith(c net.Conn, conf *tls.Config) (*tls.Conn, error) {
	conn := tls.Client(c, conf)
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	// The listener has read our last flight when it says why it ends.
	_, _ = conn.Write([]byte{0, 0, 0, 0, 1})
	_, err := conn.Read(make([]byte, 100))
	return conn, err
}

func sayHello(ch *ladder, change func(*framing.Hello)) error {
	h := newHelloFor(Sender)
	h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
	change(&h)
	return ch.send(framing.TypeHello, h.Append(nil))
}

// rsaKey is a key of 8192 bits that signs nothing well: making a true one takes half
// a minute. The signature is verified all the same.
func rsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	n := make([]byte, 1024)
	_, _ = rand.Read(n)
	n[0] |= 0x80
	n[len(n)-1] |= 1
	return dudKey{&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 1<<31 - 1}}
}

type dudKey struct{ public *rsa.PublicKey }

func (k dudKey) Public() crypto.PublicKey { return k.public }
func (k dudKey) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	s := make([]byte, k.public.Size())
	s[len(s)-1] = 2
	return s, nil
}

// keyChanges sends what TLS takes of KeyUpdates, and more.
func keyChanges(conn net.Conn) error {
	var log strings.Builder
	conf, err := newTLSConfig()
	if err != nil {
		return err
	}
	conf.KeyLogWriter = &log
	c := tls.Client(conn, conf)
	if err := c.Handshake(); err != nil {
		return err
	}
	k, err := updaterOf(conn, log.String())
	if err != nil {
		return err
	}
	for range 32 {
		if err := k.update(); err != nil {
			return err
		}
	}
	return nil
}

// TestStrangersAreCheap measures what CPU time a stranger costs a listener on each
// rung of the ladder, and that none costs more than twice an honest handshake.
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
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the listener does not start")
	}
	addr := lines.Text()
	used := func() time.Duration {
		var ns int64
		if _, err := fmt.Fprintln(in); err != nil || !lines.Scan() {
			t.Fatal("the listener is gone")
		}
		if _, err := fmt.Sscan(lines.Text(), &ns); err != nil {
			t.Fatal(err)
		}
		return time.Duration(ns)
	}
	// cost is what one of a crowd costs, eight at a time. Each comes from an address that
	// was never wrong.
	round := 0
	cost := func(play func(net.Conn) error) time.Duration {
		round++
		before := used()
		work := make(chan int)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range work {
					d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(round), byte(i+1))}}
					conn, err := d.DialContext(t.Context(), "tcp4", addr)
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
		return (used() - before) / rungCrowd
	}
	honest := func(conn net.Conn) error {
		d := &dialler{way: way{addr: addr}, cfg: Config{Role: Sender, Code: code(t, longCode)}}
		d.conf, err = strangerConfig()
		d.connect = func(context.Context, string) (net.Conn, error) { return conn, nil }
		l, _, err := d.prove(conn)
		if err != nil {
			return err // another holds the session
		}
		l.Abort(nil)
		_ = l.Close()
		return nil
	}
	// An honest handshake, one after another.
	ordinary := func() time.Duration {
		before, n := used(), 0
		for n < rungCrowd {
			conn, err := net.Dial("tcp4", addr)
			if err != nil {
				t.Fatal(err)
			}
			if honest(conn) == nil {
				n++
			}
			_ = conn.Close()
		}
		return (used() - before) / rungCrowd
	}
	cheapest := func(f func() time.Duration) time.Duration {
		best := f()
		for range rungRounds - 1 {
			best = min(best, f())
		}
		return best
	}
	ordinary() // warm
	for _, r := range rungs(t) {
		if strings.HasPrefix(r.name, "the same again") {
			round--
		}
		got := cost(r.play)
		base := cheapest(ordinary)
		t.Logf("%-36s %6d µs, %.2f of an honest handshake beside it (%d µs)", r.name, got.Microseconds(), float64(got)/float64(base), base.Microseconds())
		for tries := 1; got > 2*base; tries++ {
			if tries == rungRounds {
				t.Errorf("%s costs %v, an honest handshake %v", r.name, got, base)
				break
			}
			got = min(got, cost(r.play))
		}
	}
}
