package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"ferry/transfer/reach/socket/sockettest"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const established = "HTTP/1.1 200 Connection established\r\nServer: a\r\nVia: b\r\n c\r\n\r\n"

func TestTunnelIsTheConnectionItself(t *testing.T) {
	for _, c := range []struct {
		name, scheme, user string
		talk               func(*server, net.Conn) error
	}{
		{"socks5h", "socks5h://", "", socksTalk(0, "")},
		{"socks5", "socks5://", "", socksTalk(0, "")},
		{"socks", "socks://", "", socksTalk(0, "")},
		{"socks5h with a password", "socks5h://", "me:se%20cret", socksTalk(0, "me:se cret")},
		{"http", "http://", "", connectTalk(established, "")},
		{"no scheme", "", "", connectTalk(established, "")},
		{"http 1.0", "http://", "", connectTalk("HTTP/1.0 200 \n\n", "")},
		{"http with an interim answer", "http://", "", connectTalk("HTTP/1.1 102 Wait\r\nA: b\r\n\r\n"+established, "")},
		{"http with a password", "http://", "me:se%20cret", connectTalk(established, "me:se cret")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, listen(t), c.talk)
			user := c.user
			if user != "" {
				user += "@"
			}
			p := parsed(t, c.scheme+user+s.Addr().String(), "")
			// Names are the proxy's to look up, and the addresses are nobody's.
			for _, addr := range []string{"far.example:33779", "192.0.2.7:1", "[2001:db8::7]:65535"} {
				if conn := tunnel(t, p, addr); conn.(*net.TCPConn) == nil {
					t.Errorf("%T", conn)
				}
			}
			if got := s.addresses(); got != "far.example:33779 192.0.2.7:1 [2001:db8::7]:65535" {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestTunnelInTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	conf := &tls.Config{Certificates: web.TLS.Certificates}
	web.Close()
	s := serve(t, tls.NewListener(listen(t), conf), connectTalk(established, "me:x"))
	p := parsed(t, "https://me:x@"+s.Addr().String(), "")
	p.roots = &tls.Config{RootCAs: roots}
	tunnel(t, p, "far.example:33779")

	p = parsed(t, "https://me:x@"+s.Addr().String(), "") // with the system's roots
	_, err := p.Dial(context.Background(), "tcp", "far.example:33779")
	var own *Error
	if !errors.As(err, &own) || own.Far || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", maxAnswer) + "\r\n\r\n"
	for _, c := range []struct {
		name, scheme string
		talk         func(*server, net.Conn) error
		far          bool
		is           error
	}{
		{"socks: general failure", "socks5h://", socksTalk(1, ""), true, ErrUnreachable},
		{"socks: rules", "socks5h://", socksTalk(2, ""), true, ErrForbidden},
		{"socks: no network", "socks5h://", socksTalk(3, ""), true, ErrUnreachable},
		{"socks: no host", "socks5h://", socksTalk(4, ""), true, ErrUnreachable},
		{"socks: refused", "socks5h://", socksTalk(5, ""), true, ErrRefused},
		{"socks: too far", "socks5h://", socksTalk(6, ""), true, ErrNoAnswer},
		{"socks: no password", "socks5h://", socksTalk(0, "me:x"), false, ErrPassword},
		{"socks: wrong password", "socks5h://me:y@", socksTalk(0, "me:x"), false, ErrPassword},
		{"socks: http there", "socks5h://", says("HTTP/1.1 400 Bad Request\r\n\r\n"), false, errSpeech},
		{"socks: hangs up", "socks5h://", says(""), false, io.ErrUnexpectedEOF},
		{"http: no password", "http://", connectTalk(established, "me:x"), false, ErrPassword},
		{"http: rules", "http://", connectTalk("HTTP/1.1 403 No\r\n\r\n", ""), true, ErrForbidden},
		{"http: no answer", "http://", connectTalk("HTTP/1.1 504 Late\r\n\r\n", ""), true, ErrNoAnswer},
		{"http: other", "http://", connectTalk("HTTP/1.1 502 Bad Gateway\r\n\r\n", ""), true, nil},
		{"http: no http", "http://", connectTalk("hello\r\n\r\n", ""), false, errSpeech},
		{"http: no header", "http://", connectTalk("HTTP/1.1 200 OK\r\nnothing\r\n\r\n", ""), false, errSpeech},
		{"http: too long", "http://", connectTalk(long, ""), false, errSpeech},
		{"http: no end", "http://", connectTalk(strings.Repeat("HTTP/1.1 100 On\r\n\r\n", mostInterim+1), ""), false, errSpeech},
		{"http: hangs up", "http://", connectTalk("HTTP/1.1 500", ""), false, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, listen(t), c.talk)
			at := c.scheme + s.Addr().String()
			p := parsed(t, at, "")
			_, err := p.Dial(context.Background(), "tcp", "far.example:33779")
			var own *Error
			if !errors.As(err, &own) || own.Far != c.far || own.Proxy != s.Addr().String() {
				t.Fatalf("got %#v: %v", err, err)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, want %v", err, c.is)
			}
			if strings.Contains(err.Error(), "me:") {
				t.Errorf("the user is in %q", err)
			}
		})
	}
}

// says answers whatever comes first.
func says(text string) func(*server, net.Conn) error {
	return func(_ *server, conn net.Conn) error {
		if _, err := conn.Read(make([]byte, 1024)); err != nil {
			return err
		}
		_, err := io.WriteString(conn, text)
		return err
	}
}

// winsockRefused is WSAECONNREFUSED.
const winsockRefused = syscall.Errno(10061)

func TestNoProxyThere(t *testing.T) {
	at, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, err = parsed(t, "socks5h://"+at, "").Dial(context.Background(), "tcp", "far.example:33779")
	var own *Error
	if !errors.As(err, &own) || own.Far || !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, winsockRefused) {
		t.Fatalf("got %v", err)
	}
	want := "the proxy " + at + " cannot be used: connect: connection refused"
	if runtime.GOOS == "windows" { // which has other words, in the user's language
		want = "the proxy " + at + " cannot be used: connectex: " + winsockRefused.Error()
	}
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// A proxy that says nothing is given up with the context, and nothing is left behind.
func TestSilentProxy(t *testing.T) {
	for _, scheme := range []string{"socks5h://", "http://", "https://"} {
		heard, done := make(chan struct{}), make(chan struct{})
		s := serve(t, listen(t), func(_ *server, conn net.Conn) error {
			_, _ = conn.Read(make([]byte, 1024))
			close(heard)
			<-done
			return nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-heard
			cancel()
		}()
		_, err := parsed(t, scheme+s.Addr().String(), "").Dial(ctx, "tcp", "far.example:33779")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", scheme, err)
		}
		close(done)
	}
}

// What NO_PROXY lists, and loopback, is dialled as without a proxy.
func TestWithoutProxy(t *testing.T) {
	p := parsed(t, "socks5h://192.0.2.1:1080", "192.0.2.0/24, .inside.example,host.example, 2001:db8::7,198.51.100.1:22")
	for addr, takes := range map[string]bool{
		"192.0.2.77:33779": false, "198.51.100.1:33779": true, "198.51.100.1:22": false, "a.inside.example:1": false, "inside.example:1": true,
		"host.example:1": false, "sub.host.example:1": false, "ghost.example:1": true, "[2001:db8::7]:33779": false, "[2001:db8::8]:33779": true,
		"127.0.0.1:33779": false, "[::1]:33779": false, "localhost:33779": false,
	} {
		if p.Takes(addr) != takes {
			t.Errorf("%s: %v", addr, !takes)
		}
	}
	if parsed(t, "socks5h://192.0.2.1", "*").Takes("198.51.100.1:33779") {
		t.Error("* is everything")
	}
	ln := listen(t)
	defer ln.Close()
	conn, err := p.Dial(context.Background(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestNotDialled(t *testing.T) {
	p := parsed(t, "socks5h://192.0.2.1", "")
	for _, addr := range []string{"[fe80::1%eth0]:33779", "host", strings.Repeat("a", 256) + ":33779"} {
		if _, err := p.Dial(context.Background(), "tcp", addr); !errors.As(err, new(*Error)) {
			t.Errorf("%.40s: %v", addr, err)
		}
	}
}
