package relay

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"ferry/framing"
)

const (
	// askTime is from the first byte that may come to the first request.
	askTime = 10 * time.Second
	// controlSilence is how long a listener may say nothing. It says PING every 15 s.
	controlSilence = 45 * time.Second
	// pingBurst is how many it may say at once, and pingRate how many a second.
	pingBurst, pingRate = 16, 1
)

// meet serves a connection on which the relay's protocol is spoken, in these steps:
//
//  1. RHELLO both ways, AUTH if there is a token.
//  2. The first request: CLAIM, SEEK or JOIN. Until then the connection is a guest, with a
//     deadline, and costs a goroutine and 4 KiB.
//  3. A listener is served until it leaves; a seeker waits; who is joined carries.
//
// first are bytes that were read from conn already.
func (s *Server) meet(g *guest, conn net.Conn, first []byte, seen netip.AddrPort) {
	r := framing.NewReader(io.MultiReader(bytes.NewReader(first), conn))
	t, body, err := s.greet(conn, r)
	if !s.lobby.leave(g) { // another has its place
		s.refused(CauseSlow)
		return
	}
	var said *framing.Error
	var refused refusal
	switch {
	case errors.As(err, &refused):
		s.turnAway(g, conn, framing.Code(refused))
		return
	case errors.As(err, &said):
		s.turnAway(g, conn, said.Code)
		return
	case err != nil:
		s.refused(CauseSlow)
		return
	}
	if conn.SetDeadline(time.Time{}) != nil {
		return
	}
	c := &client{
		guest: g, conn: conn, raw: g.conn, source: prefixOf(seen.Addr()), seen: seen, token: s.cfg.Token, asked: time.Now(),
		out: make(chan outgoing, outLength), said: make(chan struct{}), gone: make(chan struct{}),
	}
	s.mu.Lock()
	s.last++
	c.id = s.last
	s.clients[c.id] = c
	s.mu.Unlock()
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	s.ask(c, r, t, body)
	s.do(func(now time.Time) {
		s.core.gone(now, c.id)
		delete(s.clients, c.id)
	})
	close(c.gone)
	g.conn.Close()
	<-written
}

// refusal is a NO to say.
type refusal framing.Code

func (r refusal) Error() string { return framing.Code(r).String() }

// greet exchanges RHELLOs, checks the token, and returns the first request. The body is
// valid until r is used again.
func (s *Server) greet(conn net.Conn, r *framing.Reader) (framing.Type, []byte, error) {
	r.Restrict(framing.TypeRHello)
	if _, _, err := r.Next(); err != nil {
		return 0, nil, err
	}
	body, err := r.Body()
	if err != nil {
		return 0, nil, err
	}
	hello, err := framing.ParseRHello(body)
	if err != nil {
		return 0, nil, err
	}
	own := framing.RHello{MinVersion: framing.RelayVersion, MaxVersion: framing.RelayVersion}
	rand.Read(own.Nonce[:])
	types := []framing.Type{framing.TypeClaim, framing.TypeSeek, framing.TypeJoin}
	if len(s.cfg.Token) > 0 {
		own.Capabilities |= framing.RelayToken
		types = append(types, framing.TypeAuth)
	}
	if err := framing.NewWriter(conn).WriteFrame(framing.TypeRHello, own.Append(nil)); err != nil {
		return 0, nil, err
	}
	r.Restrict(types...)
	t, _, err := r.Next()
	if err != nil {
		return 0, nil, err
	}
	if body, err = r.Body(); err != nil || len(s.cfg.Token) == 0 {
		return t, body, err
	}
	if t != framing.TypeAuth {
		return 0, nil, refusal(framing.CodePermission)
	}
	auth, err := framing.ParseAuth(body)
	if err != nil {
		return 0, nil, err
	}
	if want := framing.RelayMAC(s.cfg.Token, own.Nonce, hello.Nonce); !hmac.Equal(want[:], auth.MAC[:]) {
		return 0, nil, refusal(framing.CodePermission)
	}
	r.Restrict(types[:3]...)
	if t, _, err = r.Next(); err != nil {
		return 0, nil, err
	}
	body, err = r.Body()
	return t, body, err
}

// turnAway says NO to a guest.
func (s *Server) turnAway(g *guest, conn net.Conn, code framing.Code) {
	s.refused(causeOf(code))
	s.giveWay(s.lobby.enter(g))
	m := framing.RelayNo{Code: code}
	conn.SetDeadline(time.Now().Add(goodbyeTime))
	if framing.NewWriter(conn).WriteFrame(framing.TypeNo, m.Append(nil)) != nil {
		return
	}
	linger(conn)
}

// linger has the other side read what was said, and close.
func linger(conn net.Conn) {
	if h, ok := conn.(halfCloser); ok && h.CloseWrite() == nil {
		const most = 64 << 10 // a flood is cut
		io.CopyN(io.Discard, conn, most)
	}
}

// ask puts the first request to the core, and stays with the client.
func (s *Server) ask(c *client, r *framing.Reader, t framing.Type, body []byte) {
	p := peer{id: c.id, source: c.source, seen: c.seen, token: c.token}
	var err error
	switch t {
	case framing.TypeClaim:
		var m framing.Claim
		if m, err = framing.ParseClaim(body); err == nil {
			s.do(func(now time.Time) { s.core.claim(now, p, m) })
			err = s.control(c, r)
		}
	case framing.TypeSeek:
		var m framing.Seek
		if m, err = framing.ParseSeek(body); err == nil {
			s.do(func(now time.Time) { s.core.seek(now, p, m) })
			err = s.await(c)
		}
	case framing.TypeJoin:
		var m framing.Join
		if m, err = framing.ParseJoin(body); err == nil {
			s.do(func(now time.Time) { s.core.join(now, p, m) })
			err = s.await(c)
		}
	}
	var said *framing.Error
	if errors.As(err, &said) {
		s.do(func(time.Time) { s.core.no(c.id, said.Code, 0) })
		<-c.said
		linger(c.conn)
	}
}

// control serves a listener that holds a room, until it leaves or is sent away.
func (s *Server) control(c *client, r *framing.Reader) error {
	r.Restrict(framing.TypePing, framing.TypeLeave)
	var pings bucket
	for {
		select {
		case <-c.said: // it was sent away, and has little time to go
		default:
			c.conn.SetReadDeadline(time.Now().Add(controlSilence))
		}
		t, _, err := r.Next()
		if err != nil {
			return err
		}
		body, err := r.Body()
		if err != nil {
			return err
		}
		if t == framing.TypeLeave {
			m, err := framing.ParseLeave(body)
			if err == nil {
				s.do(func(now time.Time) { s.core.leave(now, c.id, m.Code) })
			}
			return err
		}
		m, err := framing.ParsePing(body)
		if err != nil {
			return err
		}
		if !pings.take(time.Now(), pingBurst, pingRate) {
			return &framing.Error{Code: framing.CodeProtocol, Err: errPings}
		}
		s.do(func(time.Time) { s.core.say(c.id, framing.TypePong, m.Append(nil)) })
	}
}

// await reads one byte: what comes before the OK is a violation or the end, what comes
// after it belongs to the link. So nothing has to be stopped when the OK is said.
func (s *Server) await(c *client) error {
	var first [1]byte
	n, err := c.conn.Read(first[:])
	s.mu.Lock()
	l := c.link
	s.mu.Unlock()
	if l != nil {
		l.run(c, first[:n])
		<-l.ctx.Done() // the other direction needs the connection
		return nil
	}
	if n > 0 {
		return &framing.Error{Code: framing.CodeProtocol, Err: errEarly}
	}
	return err
}

var (
	errEarly = errors.New("bytes before OK")
	errPings = errors.New("too many PINGs")
)
