package relayed

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/framing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is one connection of a relay that does what a test says.
type script struct {
	t *testing.T
	net.Conn
	r     *framing.Reader
	token []byte
}

// relayAt is a relay on loopback that plays for each connection, in their order, one of
// the plays; the last one for all that follow. It returns its URL.
func relayAt(t *testing.T, plays ...func(s *script)) URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := playAt(t, ln, nil, plays...)
	return u
}

func playAt(t *testing.T, ln net.Listener, token []byte, plays ...func(s *script)) URL {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			play := plays[min(n, len(plays)-1)]
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				play(&script{t: t, Conn: conn, r: framing.NewReader(conn), token: token})
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	u, err := ParseURL("tcp://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (s *script) send(t framing.Type, body []byte) {
	frame, err := framing.AppendFrame(nil, t, 0, body)
	if err != nil {
		s.t.Error(err)
	}
	_, _ = s.Write(frame)
}

// get reads a frame, and closes the connection if it is another one.
func (s *script) get(want framing.Type) []byte {
	t, _, err := s.r.Next()
	if err == nil && t != want {
		err = errors.New("another frame came: " + t.String())
	}
	var body []byte
	if err == nil {
		body, err = s.r.Body()
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		s.t.Logf("waiting for %v: %v", want, err)
	}
	return body
}

// hello plays RHELLO, and AUTH if the relay has a token.
func (s *script) hello() {
	theirs, err := framing.ParseRHello(s.get(framing.TypeRHello))
	if err != nil {
		s.t.Error(err)
	}
	own := framing.RHello{MinVersion: 1, MaxVersion: 1, Nonce: [16]byte{1}}
	if s.token != nil {
		own.Capabilities = framing.RelayToken
	}
	s.send(framing.TypeRHello, own.Append(nil))
	if s.token == nil {
		return
	}
	auth, err := framing.ParseAuth(s.get(framing.TypeAuth))
	if err != nil || auth.MAC != framing.RelayMAC(s.token, own.Nonce, theirs.Nonce) {
		s.t.Errorf("AUTH has another MAC: %v", err)
	}
}

func (s *script) no(code framing.Code) {
	m := framing.RelayNo{Code: code}
	s.send(framing.TypeNo, m.Append(nil))
}

// claim plays CLAIM and CLAIMED.
func (s *script) claim(number uint32) framing.Claim {
	s.hello()
	m, err := framing.ParseClaim(s.get(framing.TypeClaim))
	if err != nil {
		s.t.Error(err)
	}
	claimed := framing.Claimed{Number: number, Keep: 900, Seen: framing.SeenAt(netip.MustParseAddrPort("203.0.113.7:99"))}
	s.send(framing.TypeClaimed, claimed.Append(nil))
	return m
}

// seek plays SEEK and WAIT.
func (s *script) seek(instance byte) framing.Seek {
	s.hello()
	m, err := framing.ParseSeek(s.get(framing.TypeSeek))
	if err != nil {
		s.t.Error(err)
	}
	s.wait(instance)
	return m
}

func (s *script) wait(instance byte) {
	w := framing.Wait{Seen: framing.SeenAt(netip.MustParseAddrPort("203.0.113.8:98")), Instance: [8]byte{instance}}
	s.send(framing.TypeWait, w.Append(nil))
}

func (s *script) ok(call byte) {
	m := framing.RelayOK{Call: [16]byte{call}}
	s.send(framing.TypeOK, m.Append(nil))
}

// last waits for the end of the connection.
func (s *script) last() { _, _ = io.Copy(io.Discard, s) }
