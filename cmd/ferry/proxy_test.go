package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ferry/transfer/reach"
	"ferry/transfer/reach/proxy"
)

// testProxy speaks SOCKS5 and HTTP CONNECT on one port. Names that end in .test are this
// machine, which no resolver knows, and two of them are refused: forbidden.test by its
// rules, and gone.test as not to be found.
type testProxy struct {
	ln       net.Listener
	password string // USER:PASSWORD; "" asks for none
	wg       sync.WaitGroup

	mu    sync.Mutex // guards what follows
	log   *os.File   // has a line for each address that was asked for
	cut   int64      // the first tunnel ends after so many bytes from the client; 0 is never
	conns map[net.Conn]bool
}

// startProxy is the command proxy NAME [-password USER:PASSWORD] [-cut BYTES]: it sets
// $NAME to the address of a proxy, which lists what it is asked for in NAME.log.
func startProxy(ts *testscript.TestScript, neg bool, args []string) {
	p := &testProxy{conns: make(map[net.Conn]bool)}
	if neg || len(args)%2 != 1 {
		ts.Fatalf("usage: proxy NAME [-password USER:PASSWORD] [-cut BYTES]")
	}
	for i := 1; i < len(args); i += 2 {
		switch value := args[i+1]; args[i] {
		case "-password":
			p.password = value
		case "-cut":
			n, err := strconv.ParseInt(value, 10, 64)
			ts.Check(err)
			p.cut = n
		default:
			ts.Fatalf("unknown %s", args[i])
		}
	}
	var err error
	p.log, err = os.Create(filepath.Join(ts.Getenv("WORK"), args[0]+".log"))
	ts.Check(err)
	p.ln, err = net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], p.ln.Addr().String())
	p.wg.Go(p.serve)
	ts.Defer(p.close)
}

func (p *testProxy) serve() {
	for {
		conn, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() {
			defer conn.Close()
			if p.holds(conn) {
				_ = p.talk(conn) // whoever calls sees it
			}
		})
	}
}

// holds keeps a connection for close; false is after it.
func (p *testProxy) holds(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns != nil {
		p.conns[conn] = true
	}
	return p.conns != nil
}

func (p *testProxy) close() {
	_ = p.ln.Close()
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.wg.Wait()
	_ = p.log.Close()
}

func (p *testProxy) talk(conn net.Conn) error {
	r := bufio.NewReader(conn)
	if first, err := r.Peek(1); err != nil {
		return err
	} else if first[0] == 5 {
		return p.socks(conn, r)
	}
	request, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.password))
	if p.password != "" && request.Header.Get("Proxy-Authorization") != want {
		_, err := io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
		return err
	}
	to, refusal := p.open(request.Host)
	if to == nil {
		_, err := io.WriteString(conn, []string{2: "HTTP/1.1 403 Forbidden\r\n\r\n", 4: "HTTP/1.1 502 \x1b[31mBad\u202eGateway\r\n\r\n", 5: "HTTP/1.1 503 Refused\r\n\r\n"}[refusal])
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return errors.Join(err, to.Close())
	}
	p.tunnel(conn, r, to)
	return nil
}

// socks is RFC 1928, with RFC 1929 for a password.
func (p *testProxy) socks(conn net.Conn, r *bufio.Reader) error {
	methods, err := counted1(r, 1)
	if err != nil {
		return err
	}
	method := byte(0)
	if p.password != "" {
		method = 2
	}
	if !strings.Contains(string(methods), string(rune(method))) {
		_, err := conn.Write([]byte{5, 0xff})
		return err
	}
	if _, err := conn.Write([]byte{5, method}); err != nil {
		return err
	}
	if method == 2 {
		user, err := counted1(r, 1)
		if err != nil {
			return err
		}
		secret, err := counted1(r, 0)
		if err != nil {
			return err
		}
		if string(user)+":"+string(secret) != p.password {
			_, err := conn.Write([]byte{1, 1})
			return err
		}
		if _, err := conn.Write([]byte{1, 0}); err != nil {
			return err
		}
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	host := make([]byte, map[byte]int{1: 4, 4: 16}[head[3]])
	if head[3] == 3 {
		host, err = counted1(r, 0)
	} else {
		_, err = io.ReadFull(r, host)
	}
	port := make([]byte, 2)
	if err == nil {
		_, err = io.ReadFull(r, port)
	}
	if err != nil {
		return err
	}
	name := string(host)
	if head[3] != 3 {
		name = net.IP(host).String()
	}
	to, refusal := p.open(net.JoinHostPort(name, strconv.Itoa(int(port[0])<<8|int(port[1]))))
	if _, err := conn.Write([]byte{5, refusal, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil || to == nil {
		return err
	}
	p.tunnel(conn, r, to)
	return nil
}

// counted1 skips bytes and reads a string behind its length.
func counted1(r *bufio.Reader, skip int) ([]byte, error) {
	if _, err := r.Discard(skip); err != nil {
		return nil, err
	}
	n, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return text, err
}

// open connects to where a client wants to. Without a connection it returns the number of
// SOCKS5 for the reason.
func (p *testProxy) open(addr string) (net.Conn, byte) {
	p.mu.Lock()
	fmt.Fprintln(p.log, addr)
	p.mu.Unlock()
	host, port, err := net.SplitHostPort(addr)
	switch {
	case err != nil, host == "gone.test":
		return nil, 4
	case !strings.HasSuffix(host, ".test"), host == "forbidden.test":
		return nil, 2
	}
	to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, 5
	}
	if !p.holds(to) {
		_ = to.Close()
		return nil, 5
	}
	return to, 0
}

// tunnel copies both ways until both have ended, or the first is cut.
func (p *testProxy) tunnel(conn net.Conn, r io.Reader, to net.Conn) {
	p.mu.Lock()
	cut := p.cut
	p.cut = 0
	p.mu.Unlock()
	defer to.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(conn, to)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	if cut > 0 {
		_, _ = io.CopyN(to, r, cut)
		_ = to.Close()
		_ = conn.Close()
	}
	_, _ = io.Copy(to, r)
	_ = to.(*net.TCPConn).CloseWrite()
	<-done
}

// What a proxy is to blame for stands in what is shown, whatever wraps it.
func TestProxyText(t *testing.T) {
	down := &proxy.Error{Proxy: "p.example:1080", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	at := reach.Address{Host: "far.example", Port: reach.DefaultPort}
	for _, c := range []struct {
		err  error
		want string
	}{
		{down, "the proxy p.example:1080 cannot be used: connection refused"},
		{&reach.Error{Tries: []reach.Try{{Address: at, Cause: reach.CauseOf(down), Err: down}}}, "the proxy p.example:1080 cannot be used: connection refused"},
		{&proxy.Error{Proxy: "p.example:1080", Err: io.ErrUnexpectedEOF}, "the proxy p.example:1080 cannot be used: unexpected EOF"},
		{&proxy.Error{Proxy: "p.example:1080", Far: true, Err: proxy.ErrForbidden}, "the proxy p.example:1080 made no connection: its rules forbid that connection"},
		{&reach.Error{Tries: []reach.Try{{Address: at, Cause: reach.Refused, Err: &proxy.Error{Far: true, Err: proxy.ErrRefused}}}}, "nothing listens there"},
	} {
		if got := dialCause(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
