package proxy

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a proxy of the test: it says what talk says on each connection.
type server struct {
	net.Listener

	mu    sync.Mutex
	asked []string // the addresses that were asked for
	wg    sync.WaitGroup
}

func serve(t *testing.T, ln net.Listener, talk func(*server, net.Conn) error) *server {
	t.Helper()
	s := &server{Listener: ln}
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				defer conn.Close()
				if err := talk(s, conn); err != nil {
					t.Log("the proxy of the test:", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		s.wg.Wait()
	})
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func (s *server) note(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, addr)
}

func (s *server) addresses() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, " ")
}

// echoes says hello in the same packet as the answer, and then what it hears.
func echoes(conn io.ReadWriter, answer string) error {
	if _, err := io.WriteString(conn, answer+"hello"); err != nil {
		return err
	}
	_, err := io.Copy(conn, conn)
	return err
}

// socksTalk is a SOCKS5 proxy that answers every request with reply; user is "name:word"
// or "" for none.
func socksTalk(reply byte, user string) func(*server, net.Conn) error {
	return func(s *server, conn net.Conn) error {
		r := bufio.NewReader(conn)
		take := func(n int) []byte {
			b := make([]byte, n)
			_, _ = io.ReadFull(r, b)
			return b
		}
		methods := take(int(take(2)[1]))
		if user == "" {
			_, _ = conn.Write([]byte{5, 0})
		} else {
			if !strings.Contains(string(methods), "\x02") {
				_, err := conn.Write([]byte{5, 0xff})
				return err
			}
			_, _ = conn.Write([]byte{5, 2})
			name := string(take(int(take(2)[1])))
			word := string(take(int(take(1)[0])))
			if name+":"+word != user {
				_, err := conn.Write([]byte{1, 1})
				return err
			}
			_, _ = conn.Write([]byte{1, 0})
		}
		host := ""
		switch take(4)[3] {
		case 1:
			host = net.IP(take(4)).String()
		case 3:
			host = string(take(int(take(1)[0])))
		case 4:
			host = net.IP(take(16)).String()
		}
		port := take(2)
		s.note(net.JoinHostPort(host, fmt.Sprint(int(port[0])<<8|int(port[1]))))
		answer := string([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
		if reply != 0 {
			_, err := io.WriteString(conn, answer)
			return err
		}
		return echoes(struct {
			io.Reader
			io.Writer
		}{r, conn}, answer)
	}
}

// connectTalk is an HTTP proxy that answers with the given text.
func connectTalk(answer, user string) func(*server, net.Conn) error {
	return func(s *server, conn net.Conn) error {
		r := bufio.NewReader(conn)
		req, err := http.ReadRequest(r)
		if err != nil {
			return err
		}
		if req.Method != http.MethodConnect {
			return fmt.Errorf("asked to %s", req.Method)
		}
		s.note(req.Host)
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user))
		if user != "" && req.Header.Get("Proxy-Authorization") != want {
			_, err := io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
			return err
		}
		if !strings.Contains(answer, " 200 ") {
			_, err := io.WriteString(conn, answer)
			return err
		}
		return echoes(struct {
			io.Reader
			io.Writer
		}{r, conn}, answer)
	}
}

// tunnel dials addr through the proxy at p, and checks that nothing of it is lost.
func tunnel(t *testing.T, p *Proxy, addr string) net.Conn {
	t.Helper()
	conn, err := p.Dial(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, ", you"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("hello, you"))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello, you" {
		t.Fatalf("the tunnel gave %q, %v", got, err)
	}
	return conn
}

func parsed(t *testing.T, address, without string) *Proxy {
	t.Helper()
	p, err := New(address, without)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
