package relayed

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/socket"
)

// A connection to a relay begins alike, whatever it is for:
//
//  1. TCP, from the shared port if the relay is to see that one.
//  2. TLS, and a WebSocket, if the URL says so.
//  3. RHELLO. With a token the relay's answer is waited for, and AUTH follows; without one
//     the request comes right behind RHELLO, which saves a round trip.
//  4. CLAIM, SEEK or JOIN.

// answerLimit is how long a relay may take to answer, beside what the context says. A
// relay gives its clients as long.
const answerLimit = 10 * time.Second

// Options say how a relay is reached.
type Options struct {
	// Token is what the relay's operator asks for; nil is none.
	Token []byte
	// Dial makes TCP connections; nil is the system's. Through a proxy it is the proxy's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Port is the local port that the relay is to see, which other connections of this
	// process share; 0 is any. It has no effect with Dial.
	Port uint16
}

// entrance is where the connections of one room begin. It knows where they have led.
type entrance struct {
	url URL
	Options

	mu      sync.Mutex      // guards what follows
	leads   map[string]bool // remote addresses of connections that were made
	reached bool            // the relay has answered as one
}

func newEntrance(u URL, o Options) entrance {
	return entrance{url: u, Options: o, leads: make(map[string]bool)}
}

// Leads tells whether addr, which a connection leads to, is the relay's.
func (e *entrance) Leads(addr string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leads[addr]
}

func (e *entrance) wasReached() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reached
}

func (e *entrance) noteReached() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reached = true
}

func (e *entrance) noteLead(conn net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leads[conn.RemoteAddr().String()] = true
}

// client is one connection to the relay, up to the point where it is raw.
type client struct {
	net.Conn
	r     *framing.Reader
	token []byte      // that the relay has taken; nil at a relay that asks for none
	left  atomic.Bool // what was sent last is to arrive, however it is closed
	// shared says that it comes from the shared port, or that there is none.
	shared bool
}

// open makes a connection and sends the request on it. request is given the token that
// names of rooms are made with. The deadline of the client's connection is answerLimit
// from now; ctx does not bound it any more.
func (e *entrance) open(ctx context.Context, shared bool, request func(token []byte) (framing.Type, []byte)) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn, err := e.dial(ctx, shared)
	if err != nil {
		return nil, err
	}
	e.noteLead(conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c := &client{Conn: conn, r: framing.NewReader(conn), shared: e.Port == 0 || localPort(conn.LocalAddr()) == e.Port}
	err = c.begin(e.Token, request)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.drop()
		return nil, because(ctx, err)
	}
	e.noteReached()
	return c, nil
}

func localPort(a net.Addr) uint16 {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return 0
	}
	return tcp.AddrPort().Port()
}

// sight is what is known of how the relay sees the shared port, after it has told of c. Of
// a connection from another port only the host says something.
func (c *client) sight(before netip.AddrPort, m framing.Seen) netip.AddrPort {
	now := m.AddrPort()
	switch {
	case c.shared || !now.Addr().IsValid():
		return now
	case before.Addr() == now.Addr():
		return before
	}
	return netip.AddrPortFrom(now.Addr(), 0)
}

// because prefers the reason that ctx ended for to what that made of a connection.
func because(ctx context.Context, err error) error {
	var no *refusal
	if ctx.Err() != nil && !errors.As(err, &no) {
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
	return err
}

func (c *client) begin(token []byte, request func([]byte) (framing.Type, []byte)) error {
	if err := c.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	own := framing.RHello{MinVersion: framing.RelayVersion, MaxVersion: framing.RelayVersion}
	_, _ = rand.Read(own.Nonce[:]) // never fails
	c.r.Restrict(framing.TypeRHello, framing.TypeNo)
	if len(token) > 0 {
		return c.prove(token, own, request)
	}
	t, body := request(nil)
	both, err := framing.AppendFrame(nil, framing.TypeRHello, 0, own.Append(nil))
	if err == nil {
		both, err = framing.AppendFrame(both, t, 0, body)
	}
	if err == nil {
		_, err = c.Write(both)
	}
	if err != nil {
		return err
	}
	relay, err := c.hello()
	if err == nil && relay.Capabilities&framing.RelayToken != 0 {
		err = &refusal{code: framing.CodePermission, err: errNoToken}
	}
	return err
}

// prove is the beginning with a token.
func (c *client) prove(token []byte, own framing.RHello, request func([]byte) (framing.Type, []byte)) error {
	if err := c.send(framing.TypeRHello, own.Append(nil)); err != nil {
		return err
	}
	relay, err := c.hello()
	if err != nil {
		return err
	}
	if relay.Capabilities&framing.RelayToken != 0 {
		c.token = token
		auth := framing.Auth{MAC: framing.RelayMAC(token, relay.Nonce, own.Nonce)}
		if err := c.send(framing.TypeAuth, auth.Append(nil)); err != nil {
			return err
		}
	}
	t, body := request(c.token)
	return c.send(t, body)
}

// hello reads the relay's RHELLO.
func (c *client) hello() (framing.RHello, error) {
	_, body, err := c.next()
	if err != nil {
		return framing.RHello{}, err
	}
	return framing.ParseRHello(body)
}

// next reads a frame. A NO is an error.
func (c *client) next() (framing.Type, []byte, error) {
	t, _, err := c.r.Next()
	if err != nil {
		return 0, nil, err
	}
	body, err := c.r.Body()
	if err != nil || t != framing.TypeNo {
		return t, body, err
	}
	no, err := framing.ParseNo(body)
	if err != nil {
		return 0, nil, err
	}
	return 0, nil, refused(no, c.token != nil)
}

// send writes one frame in one Write, so that two goroutines may send.
func (c *client) send(t framing.Type, body []byte) error {
	frame, err := framing.AppendFrame(nil, t, 0, body)
	if err == nil {
		_, err = c.Write(frame)
	}
	return err
}

// keep sends a PING now and then until ctx ends. Whoever reads notices that it fails.
func (c *client) keep(ctx context.Context) {
	ticks := time.NewTicker(pingEvery)
	defer ticks.Stop()
	for serial := uint32(1); ; serial++ {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		ping := framing.Ping{Serial: serial}
		if c.SetWriteDeadline(time.Now().Add(answerLimit)) != nil || c.send(framing.TypePing, ping.Append(nil)) != nil {
			return
		}
	}
}

// drop closes a connection that nothing is to be said on any more. It leaves no trace in
// the system: the shared port can call the same relay again at once.
func (c *client) drop() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && !c.left.Load() {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// dial makes the connection that frames go over.
func (e *entrance) dial(ctx context.Context, shared bool) (net.Conn, error) {
	conn, err := e.dialTCP(ctx, shared)
	if err != nil || e.url.scheme == "tcp" {
		return conn, err
	}
	conf := e.url.config()
	if e.url.scheme == "wss" {
		return socketOver(ctx, conn, e.url, conf)
	}
	over := tls.Client(conn, conf)
	if err := over.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return over, nil
}

// dialTCP makes a TCP connection. If the shared port cannot call the relay, most often
// because it has such a connection, any port does.
func (e *entrance) dialTCP(ctx context.Context, shared bool) (net.Conn, error) {
	switch {
	case e.Dial != nil:
		return e.Dial(ctx, "tcp", e.url.Addr())
	case shared && e.Port != 0:
		if conn, err := e.dialShared(ctx); err == nil {
			return conn, nil
		}
	}
	return link.Dialer().DialContext(ctx, "tcp", e.url.Addr())
}

// sharedLimit is how long each address of the relay has to answer the shared port: any
// port is tried after that.
const sharedLimit = 3 * time.Second

func (e *entrance) dialShared(ctx context.Context) (conn net.Conn, err error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", e.url.host)
	if err != nil {
		return nil, err
	}
	err = errors.New("no address")
	for _, ip := range ips {
		try, cancel := context.WithTimeout(ctx, sharedLimit)
		conn, err = socket.DialFrom(try, e.Port, netip.AddrPortFrom(ip.Unmap(), e.url.port))
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return conn, err
}
