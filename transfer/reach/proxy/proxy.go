package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// A connection through a proxy, in the order of its steps:
//
//  1. rules    NO_PROXY and loopback are dialled as without a proxy   address.go
//  2. dial     TCP to the proxy, and TLS to one of https://           Dial
//  3. ask      SOCKS5, or CONNECT                                     ask, connect.go
//  4. answer   its refusal becomes an Error                           errors.go
//
// After them the connection is a tunnel to the address.

const (
	// answerLimit bounds what follows the connection to the proxy. Tor builds a way to an
	// onion service in some ten seconds.
	answerLimit = time.Minute
	// maxAnswer bounds what a proxy says to CONNECT, in bytes.
	maxAnswer = 16 << 10
)

// Proxy is one proxy, and the rules of what is dialled through it.
type Proxy struct {
	kind           kind
	scheme         string // as it is shown
	host           string
	port           uint16
	user, password string // "" of a proxy that wants none
	dialer         *net.Dialer
	through        func(*url.URL) (*url.URL, error) // nil: that URL takes no proxy
	roots          *tls.Config                      // of https://; nil: the system's. Tests set it
}

// Dial connects to addr, HOST:PORT, through the proxy. The connection is a *net.TCPConn,
// but to a proxy of https:// it is one of TLS. Its RemoteAddr is the proxy. If the proxy or
// the way behind it fails, the error is an *Error.
func (p *Proxy) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !p.Takes(addr) {
		return p.dialer.DialContext(ctx, network, addr)
	}
	if err := dialable(addr); err != nil {
		return nil, &Error{Proxy: p.Host(), Far: true, Err: err}
	}
	conn, err := p.dialer.DialContext(ctx, "tcp", p.Host())
	if err != nil {
		return nil, &Error{Proxy: p.Host(), Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	// Requests and answers know deadlines only: one in the past ends them.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	tunnel, err := p.ask(ctx, conn, addr)
	if stopped := stop(); err == nil && !stopped {
		err = ctx.Err()
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, p.failure(ctx, err)
	}
	return tunnel, nil
}

// dialable refuses what means nothing at another machine.
func dialable(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() != "" {
		return errors.New("an address of one link is of no use behind a proxy")
	}
	if len(host) > maxHost {
		return errors.New("the name is too long")
	}
	return nil
}

// ask has the proxy connect to addr. conn is its caller's.
func (p *Proxy) ask(ctx context.Context, conn net.Conn, addr string) (net.Conn, error) {
	switch p.kind {
	case socks:
		return conn, p.socks(ctx, conn, addr)
	case connectTLS:
		conf := &tls.Config{}
		if p.roots != nil {
			conf = p.roots.Clone()
		}
		conf.ServerName, conf.NextProtos = p.host, []string{"http/1.1"}
		sealed := tls.Client(conn, conf)
		if err := sealed.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return sealed, p.connect(sealed, addr)
	}
	return conn, p.connect(conn, addr)
}

// onConn is what the library's dialler can do beside its interface: talk on a connection
// that is there.
type onConn interface {
	DialWithConn(ctx context.Context, c net.Conn, network, addr string) (net.Addr, error)
}

// socks asks a SOCKS5 proxy. The library reads no byte behind the answer.
func (p *Proxy) socks(ctx context.Context, conn net.Conn, addr string) error {
	var auth *proxy.Auth
	if p.user != "" {
		auth = &proxy.Auth{User: p.user, Password: p.password}
	}
	d, err := proxy.SOCKS5("tcp", p.Host(), auth, nil)
	if err != nil {
		return err
	}
	talk, ok := d.(onConn)
	if !ok {
		return errors.New("the library talks on no connection of ours")
	}
	_, err = talk.DialWithConn(ctx, conn, "tcp", addr)
	return socksRefusal(err)
}
