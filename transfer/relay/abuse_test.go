package relay

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/relay/ws"

	"github.com/pires/go-proxyproto"
)

// TestRefusedGiveWay: who is refused has time to read so, and does not use it to keep
// descriptors from others.
func TestRefusedGiveWay(t *testing.T) {
	s, addr, _, _ := start(t, Config{Limits: plenty()})
	const all = 8 * lobbySource
	for i := range all {
		c := dial(t, addr)
		c.say(framing.TypeJoin, append([]byte{1}, make([]byte, 15)...))
		c.refused(framing.CodeVanished)
		if n := s.figures().connections; n > 4*lobbySource {
			t.Fatalf("%d of %d that were refused are there", n, i+1)
		}
	}
}

// TestManyPings: a listener cannot have the relay do nothing but answer it.
func TestManyPings(t *testing.T) {
	_, addr, _, _ := start(t, Config{Limits: plenty()})
	l := dial(t, addr)
	l.claim("7")
	for i := range 2 * pingBurst {
		l.say(framing.TypePing, (&framing.Ping{Serial: uint32(i + 1)}).Append(nil))
	}
	for {
		typ, body := l.next()
		if typ == framing.TypePong {
			continue
		}
		if m, err := framing.ParseNo(body); typ != framing.TypeNo || err != nil || m.Code != framing.CodeProtocol {
			t.Errorf("%v %x, %v", typ, body, err)
		}
		return
	}
}

// TestCoreClaimFits: a listener that comes back to a room full of callers is told of them
// all, and not cut because it has not read that yet.
func TestCoreClaimFits(t *testing.T) {
	w := newWorld(t, plenty())
	first := w.claim(1, 7, 1)
	seeker := w.seek(2, 7, [16]byte{})
	w.join(first, 1)
	call := w.call[seeker]
	w.c.gone(w.now, first)
	for i := range 2 * roomFurther {
		w.seek(2, 7, call)
		w.seek(byte(10+i), 7, [16]byte{})
	}
	again := w.claim(1, 7, 1)
	if n := len(w.said[again]); n != 1+roomFurther+roomKnocks || n >= outLength {
		t.Errorf("%d frames for a queue of %d", n, outLength)
	}
}

// TestCoreLinksOfSource: no source has more than half of the links.
func TestCoreLinksOfSource(t *testing.T) {
	w := newWorld(t, Limits{Rooms: 100, Links: 40, PerSource: 30})
	control := w.claim(1, 7, 1)
	for range 30 {
		w.seek(1, 7, [16]byte{})
		w.join(control, 1)
	}
	if n := len(w.c.links); n != 20 {
		t.Errorf("one source has %d of 40 links", n)
	}
	other := w.claim(3, 8, 2)
	w.seek(4, 8, [16]byte{})
	if w.join(other, 3); len(w.c.links) != 21 {
		t.Error("others have none")
	}
	for seeker := range w.mate {
		w.c.ended(w.now, seeker)
	}
	for _, s := range w.c.sources {
		if s.links != 0 {
			t.Errorf("%d links are counted when all are over", s.links)
		}
	}
}

// TestManyHandshakes: a source that has used its handshakes of TLS up waits, and others
// do not.
func TestManyHandshakes(t *testing.T) {
	pair := certificate(t)
	s, addr, _, _ := start(t, Config{Limits: plenty(), TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
	s.mu.Lock()
	s.core.source(time.Now(), prefixOf(netip.MustParseAddr("127.0.0.1"))).shaken = bucket{level: 1e6, at: time.Now()}
	s.mu.Unlock()
	insecure := &tls.Config{InsecureSkipVerify: true}
	if conn, err := tls.Dial("tcp", addr, insecure); err == nil {
		conn.Close()
		t.Error("a handshake too many")
	}
	other := tls.Client(from(t, "127.0.0.9", addr), insecure)
	sideOn(t, other).claim("7")
	now := time.Now()
	var b bucket
	for range shakeBurst {
		if !b.take(now, shakeBurst, shakeRate) {
			t.Fatal("too few")
		}
	}
	if b.take(now, shakeBurst, shakeRate) || !b.take(now.Add(time.Second), shakeBurst, shakeRate) {
		t.Error("the rate does not hold")
	}
}

// TestOneProxy: behind a proxy that says by PROXY whom it speaks for, a client cannot say
// another thing itself, although its address is private.
func TestOneProxy(t *testing.T) {
	_, addr, _, _ := start(t, Config{Limits: plenty(), BehindProxy: true})
	header := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 4000}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1})
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		if err == nil {
			_, err = header.WriteTo(conn)
		}
		return conn, err
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: headed{transport, "198.51.100.7"}}
	conn, err := ws.Dial(t.Context(), "ws://"+addr+"/", client, &net.TCPAddr{}, &net.TCPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := seenAs(sideOn(t, conn)); got != "10.0.0.9:4000" {
		t.Errorf("seen as %s", got)
	}
}

// TestRequests: what is sent by HTTP is bounded in size and in time.
func TestRequests(t *testing.T) {
	if web := New(Config{}).webServer(); web.ReadTimeout == 0 || web.WriteTimeout == 0 {
		t.Error("a request may take as long as it likes")
	}
	_, addr, _, _ := start(t, Config{Limits: plenty(), BehindProxy: true})
	for name, c := range map[string]struct{ request, want string }{
		"a page":           {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "},
		"two at once":      {"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "},
		"two lengths":      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nGE", "HTTP/1.1 400 "},
		"chunks and more":  {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", "HTTP/1.1 4"},
		"long headers":     {"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 4*webHeader), "HTTP/1.1 431 "},
		"another protocol": {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 426 "},
		"half a WebSocket": {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 4"},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, c.request)
		conn.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(conn) // a reset may follow what was said
		if !strings.HasPrefix(string(got), c.want) || strings.Count(string(got), "HTTP/1.1 ") != 1 {
			t.Errorf("%s: %q", name, got)
		}
		conn.Close()
	}
}
