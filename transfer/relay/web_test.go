package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/relay/ws"

	"github.com/pires/go-proxyproto"
)

// certificate makes one for 127.0.0.1 that signs itself.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// web opens a WebSocket to the relay, as a proxy that speaks for the address would.
func web(t testing.TB, addr, forwarded string) net.Conn {
	t.Helper()
	transport := &http.Transport{}
	client := &http.Client{Transport: headed{transport, forwarded}}
	conn, err := ws.Dial(context.Background(), "ws://"+addr+"/some/path", client, &net.TCPAddr{}, &net.TCPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		transport.CloseIdleConnections()
	})
	return conn
}

// headed adds a header to each request.
type headed struct {
	inner     http.RoundTripper
	forwarded string
}

func (h headed) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.forwarded != "" {
		r.Header.Set("X-Forwarded-For", h.forwarded)
	}
	return h.inner.RoundTrip(r)
}

// TestWays: all that one port speaks carries both ways, with ends, each with each.
func TestWays(t *testing.T) {
	pair := certificate(t)
	_, addr, _, _ := start(t, Config{Limits: plenty(), TLS: &tls.Config{Certificates: []tls.Certificate{pair}}, BehindProxy: true})
	ways := map[string]func() *side{
		"tcp": func() *side { return dial(t, addr) },
		"tls": func() *side {
			conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			return sideOn(t, conn)
		},
		"ws": func() *side { return sideOn(t, web(t, addr, "")) },
	}
	for a, listens := range ways {
		for b, dials := range ways {
			t.Run(b+" to "+a, func(t *testing.T) {
				listener, joiner, dialler := dial(t, addr), listens(), dials()
				listener.claim("7")
				dialler.seek("7", [16]byte{})
				k, err := framing.ParseKnock(listener.hear(framing.TypeKnock))
				if err != nil {
					t.Fatal(err)
				}
				joiner.say(framing.TypeJoin, (&framing.Join{Call: k.Call}).Append(nil))
				joiner.hear(framing.TypeOK)
				dialler.hear(framing.TypeOK)
				passes(t, dialler.conn, joiner.conn, 700_000)
				passes(t, joiner.conn, dialler.conn, 700_000)
				halfCloses(t, dialler.conn, joiner.conn)
				listener.say(framing.TypeLeave, []byte{0})
			})
		}
	}
}

// seenAs is where the relay sees a seeker come from.
func seenAs(s *side) string {
	s.t.Helper()
	s.seek("9", [16]byte{})
	m, err := framing.ParseWait(s.hear(framing.TypeWait))
	if err != nil {
		s.t.Fatal(err)
	}
	return m.Seen.AddrPort().String()
}

// TestProxies: what a proxy says is believed where it may be, and nowhere else.
func TestProxies(t *testing.T) {
	header := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 4000}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1})
	_, addr, _, _ := start(t, Config{Limits: plenty(), BehindProxy: true})
	for _, c := range []struct {
		name, want string
		open       func() net.Conn
	}{
		{"X-Forwarded-For", "198.51.100.7:0", func() net.Conn { return web(t, addr, "203.0.113.5, 198.51.100.7") }},
		{"PROXY", "192.0.2.9:4000", func() net.Conn {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_, err = header.WriteTo(conn)
			}
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}},
	} {
		if got := seenAs(sideOn(t, c.open())); got != c.want {
			t.Errorf("%s: seen as %s instead of %s", c.name, got, c.want)
		}
	}
	for text, want := range map[string]bool{"127.0.0.1": true, "10.1.2.3": true, "::1": true, "fd00::1": true, "192.0.2.1": false, "2001:db8::1": false} {
		if trusted(netip.MustParseAddr(text)) != want {
			t.Errorf("%s: trusted %v", text, !want)
		}
	}
	// Without the flag neither is taken.
	_, addr, _, _ = start(t, Config{Limits: plenty()})
	for name, hello := range map[string]string{"PROXY": "\r\n\r\n\x00\r\nQUIT\n", "HTTP": "GET / HTTP/1.1\r\n\r\n", "TLS": "\x16\x03\x01"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		conn.Write([]byte(hello))
		if n, err := conn.Read(make([]byte, 1)); err == nil || n > 0 {
			t.Errorf("%s: answered", name)
		}
		conn.Close()
	}
}
