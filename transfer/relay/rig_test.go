package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"

	"ferry/framing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what takes far less when all is well.
const patience = 20 * time.Second

// plenty are limits that no test reaches by accident.
func plenty() Limits { return Limits{Rooms: 1000, Links: 500, PerSource: 1000} }

// start runs a server on loopback for a test. stop cuts it.
func start(t testing.TB, cfg Config) (s *Server, addr string, drain, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	draining, drain := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, draining, ln) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		drain()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return s, ln.Addr().String(), drain, stop
}

// side is a client of the tests.
type side struct {
	t     testing.TB
	conn  net.Conn
	r     *framing.Reader
	w     *framing.Writer
	hello framing.RHello // the relay's
	own   framing.RHello
}

func dial(t testing.TB, addr string) *side {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return sideOn(t, conn)
}

// sideOn says RHELLO on a connection.
func sideOn(t testing.TB, conn net.Conn) *side {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	s := &side{t: t, conn: conn, r: framing.NewReader(conn), w: framing.NewWriter(conn)}
	s.own = framing.RHello{MinVersion: 1, MaxVersion: 1}
	rand.Read(s.own.Nonce[:])
	s.say(framing.TypeRHello, s.own.Append(nil))
	hello, err := framing.ParseRHello(s.hear(framing.TypeRHello))
	if err != nil {
		t.Fatal(err)
	}
	s.hello = hello
	return s
}

func (s *side) say(typ framing.Type, body []byte) {
	s.t.Helper()
	if err := s.w.WriteFrame(typ, body); err != nil {
		s.t.Fatal(err)
	}
}

// next returns the next frame.
func (s *side) next() (framing.Type, []byte) {
	s.t.Helper()
	typ, _, err := s.r.Next()
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := s.r.Body()
	if err != nil {
		s.t.Fatal(err)
	}
	return typ, bytes.Clone(body)
}

// hear returns the body of the next frame but for WAITs that nobody asked about.
func (s *side) hear(want framing.Type) []byte {
	s.t.Helper()
	for {
		typ, body := s.next()
		if typ == want {
			return body
		}
		if typ != framing.TypeWait {
			s.t.Fatalf("%v %x instead of %v", typ, body, want)
		}
	}
}

// refused waits for a NO.
func (s *side) refused(want framing.Code) framing.RelayNo {
	s.t.Helper()
	m, err := framing.ParseNo(s.hear(framing.TypeNo))
	if err != nil || m.Code != want {
		s.t.Fatalf("NO with %v instead of %v, %v", m.Code, want, err)
	}
	return m
}

var (
	instance = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	ticket   = [32]byte{9}
)

func (s *side) claim(room string) framing.Claimed {
	s.t.Helper()
	m := framing.Claim{Ticket: ticket, Instance: instance}
	if room == "" {
		m.Allocate = true
		rand.Read(m.Ticket[:])
	} else {
		m.Room = framing.RelayRoom(nil, room)
	}
	s.say(framing.TypeClaim, m.Append(nil))
	c, err := framing.ParseClaimed(s.hear(framing.TypeClaimed))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *side) seek(room string, call [16]byte) {
	s.t.Helper()
	m := framing.Seek{Room: framing.RelayRoom(nil, room), Call: call}
	s.say(framing.TypeSeek, m.Append(nil))
}

// joined is the listener's answer to the next KNOCK, on a connection of its own.
func (s *side) joined(addr string) *side {
	s.t.Helper()
	k, err := framing.ParseKnock(s.hear(framing.TypeKnock))
	if err != nil {
		s.t.Fatal(err)
	}
	j := dial(s.t, addr)
	j.say(framing.TypeJoin, (&framing.Join{Call: k.Call}).Append(nil))
	j.hear(framing.TypeOK)
	return j
}

// passes checks that bytes go from a to b.
func passes(t testing.TB, a, b net.Conn, n int) {
	t.Helper()
	data := make([]byte, n)
	rand.Read(data)
	go a.Write(data)
	got := make([]byte, n)
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes did not pass: %v", n, err)
	}
}
