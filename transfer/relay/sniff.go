package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// What a connection may be, by its first byte.
const (
	kindTCP = "tcp" // the relay's protocol as it is: a frame is short, so its first byte is 0
	kindTLS = "tls"
	kindWS  = "ws"

	firstPlain = 0x00
	firstTLS   = 0x16
	firstHTTP  = 'G'
	firstProxy = 0x0d
)

// serve finds out what is spoken on a connection, and serves it.
func (s *Server) serve(conn net.Conn) {
	if !s.hold(conn) {
		conn.Close()
		return
	}
	defer s.release(conn)
	seen := addrPortOf(conn.RemoteAddr())
	proxied := s.cfg.BehindProxy && trusted(seen.Addr())
	g := &guest{conn: conn}
	if !proxied {
		g.source = prefixOf(seen.Addr())
	}
	s.giveWay(s.lobby.enter(g))
	defer s.lobby.leave(g)
	conn.SetDeadline(time.Now().Add(askTime))
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		s.refused(CauseSlow)
		return
	}
	if first[0] == firstProxy && proxied {
		at, err := readProxy(conn, first)
		if err == nil {
			_, err = io.ReadFull(conn, first)
		}
		if err != nil {
			s.refused(CauseProtocol)
			return
		}
		if at.IsValid() {
			seen = at
			g.told = true
			s.giveWay(s.lobby.known(g, prefixOf(seen.Addr())))
		}
	}
	s.speak(g, conn, first, seen)
}

// speak goes on where the first byte of the client is known.
func (s *Server) speak(g *guest, conn net.Conn, first []byte, seen netip.AddrPort) {
	switch {
	case first[0] == firstPlain:
		s.counted.accepted(kindTCP).Inc()
		s.meet(g, conn, first, seen)
	case first[0] == firstTLS && s.cfg.TLS != nil:
		s.counted.accepted(kindTLS).Inc()
		if !s.mayShake(seen.Addr()) {
			s.refused(CauseLimit)
			return
		}
		inner := tls.Server(&replayed{Conn: conn, first: first}, s.cfg.TLS)
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		err := inner.HandshakeContext(ctx)
		cancel()
		if err != nil {
			s.refused(CauseProtocol)
			return
		}
		s.meet(g, inner, nil, seen)
	case first[0] == firstHTTP && s.web != nil:
		s.counted.accepted(kindWS).Inc()
		s.throughWeb(&webConn{replayed: replayed{Conn: conn, first: first}, g: g, seen: seen, over: make(chan struct{})})
	default:
		s.refused(CauseProtocol)
	}
}

// mayShake counts a handshake of TLS, which is the dearest thing that a stranger can ask
// for, and says whether it is one too many.
func (s *Server) mayShake(from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	return s.core.source(now, prefixOf(from)).shaken.take(now, shakeBurst, shakeRate)
}

// giveWay closes the connection of a guest whose place was needed.
func (s *Server) giveWay(out *guest) {
	if out != nil {
		out.conn.Close()
	}
}

// trusted is whether a proxy may be there, whose word about others is believed.
func trusted(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

func addrPortOf(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := t.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}

// readProxy reads a header of PROXY version 2 to its last byte, and none behind it: what
// follows is left to the kernel. The library parses it; a reader of its own would take more.
// The zero AddrPort says that the proxy speaks for itself.
func readProxy(conn net.Conn, first []byte) (netip.AddrPort, error) {
	const (
		fixed = 16
		most  = 1024 // bytes behind these, more than any proxy adds
	)
	header := make([]byte, fixed, fixed+most)
	copy(header, first)
	if _, err := io.ReadFull(conn, header[len(first):]); err != nil {
		return netip.AddrPort{}, err
	}
	n := int(binary.BigEndian.Uint16(header[fixed-2:]))
	if n > most {
		return netip.AddrPort{}, errors.New("a PROXY header that is too long")
	}
	header = header[:fixed+n]
	if _, err := io.ReadFull(conn, header[fixed:]); err != nil {
		return netip.AddrPort{}, err
	}
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(header)))
	if err != nil {
		return netip.AddrPort{}, err
	}
	if h.Command.IsLocal() {
		return netip.AddrPort{}, nil
	}
	return addrPortOf(h.SourceAddr), nil
}

// replayed is a connection of which the first bytes were read, and are read again.
type replayed struct {
	net.Conn
	first []byte
}

func (c *replayed) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
