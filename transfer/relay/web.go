package relay

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ferry/transfer/relay/ws"
)

// webHeader is the longest header of a request, in bytes.
const webHeader = 4 << 10

// webConn is a connection on which HTTP is spoken.
type webConn struct {
	replayed
	g    *guest
	seen netip.AddrPort
	once sync.Once
	over chan struct{} // closed by Close
}

// Close is for the HTTP server; who accepted the connection waits for it.
func (c *webConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.over) })
	return err
}

// webKey finds the connection of a request.
type webKey struct{}

// serveWeb starts the HTTP server. It gets its connections by throughWeb, and ends in
// cutAll.
func (s *Server) serveWeb(addr net.Addr) {
	in := &webListener{in: make(chan net.Conn), over: s.over, addr: addr}
	s.webIn = in.in
	s.web = s.webServer()
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.web.Serve(in)
	}()
}

func (s *Server) webServer() *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(s.answerWeb),
		// A request with a body, or a client that reads no answer, has no more time. What
		// becomes a WebSocket has its own.
		ReadTimeout:    askTime,
		WriteTimeout:   askTime,
		MaxHeaderBytes: webHeader,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it would name addresses
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, webKey{}, c)
		},
	}
}

// throughWeb hands a connection to the HTTP server and waits for its end.
func (s *Server) throughWeb(c *webConn) {
	select {
	case s.webIn <- c:
		<-c.over
	case <-s.over:
	}
}

// answerWeb takes a WebSocket on any path, and tells others what this is.
func (s *Server) answerWeb(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(webKey{}).(*webConn)
	if !ok || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Connection", "close")
		http.Error(w, "This is a relay of ferry: a WebSocket is expected here.", http.StatusUpgradeRequired)
		return
	}
	seen := c.seen
	if at, ok := forwarded(r, seen.Addr()); ok && !c.g.told {
		seen = at
		s.giveWay(s.lobby.known(c.g, prefixOf(seen.Addr())))
	}
	conn, err := ws.Accept(w, r, c.LocalAddr(), net.TCPAddrFromAddrPort(seen))
	if err != nil {
		s.refused(CauseProtocol)
		return
	}
	defer c.Close()
	defer conn.Close()
	c.SetDeadline(time.Time{})
	conn.SetDeadline(time.Now().Add(askTime))
	s.meet(c.g, conn, nil, seen)
}

// forwarded is for whom a proxy speaks: the last address that X-Forwarded-For has, which
// the proxy that is trusted has put there itself. The port is not known.
func forwarded(r *http.Request, proxy netip.Addr) (netip.AddrPort, bool) {
	if !trusted(proxy) {
		return netip.AddrPort{}, false
	}
	all := r.Header.Values("X-Forwarded-For")
	if len(all) == 0 {
		return netip.AddrPort{}, false
	}
	list := strings.Split(all[len(all)-1], ",")
	a, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1]))
	return netip.AddrPortFrom(a.Unmap().WithZone(""), 0), err == nil
}

// webListener gives the HTTP server the connections that speak HTTP.
type webListener struct {
	in   chan net.Conn
	over chan struct{}
	addr net.Addr
}

func (l *webListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.over:
		return nil, errWebOver
	}
}

func (l *webListener) Close() error   { return nil }
func (l *webListener) Addr() net.Addr { return l.addr }

var errWebOver = errors.New("the relay is closed")
