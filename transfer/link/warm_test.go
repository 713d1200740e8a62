package link

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// distant is a connection on which a flight takes half a round trip: enough for what
// is measured of a handshake.
type distant struct {
	*memoryConn
	trip time.Duration
	left *time.Time // when the last flight left; writes come one at a time
}

func (d distant) Write(p []byte) (int, error) {
	if time.Since(*d.left) > 0 {
		time.Sleep(d.trip / 2) // in the time of the bubble, where the rest of a flight takes none
	}
	*d.left = time.Now()
	return d.memoryConn.Write(p)
}

// distantListener hands out the listening ends.
type distantListener struct {
	*memoryListener
	trip time.Duration
}

func (l distantListener) Accept() (net.Conn, error) {
	c, err := l.memoryListener.Accept()
	if err != nil {
		return nil, err
	}
	return distant{c.(*memoryConn), l.trip, new(time.Time)}, nil
}

func (l distantListener) connect(ctx context.Context, _ string) (net.Conn, error) {
	c, err := l.memoryListener.dial(ctx)
	if err != nil {
		return nil, err
	}
	return distant{c.(*memoryConn), l.trip, new(time.Time)}, nil
}

// distantPair makes a link over a path with that round trip.
func distantPair(t *testing.T, trip time.Duration, dial, listen Config) (near, far *Link) {
	t.Helper()
	inner := distantListener{newMemoryListener(), trip}
	dial.Code, listen.Code = code(t, "7-right"), code(t, "7-right")
	dial.Connect = inner.connect
	l, err := newListener(inner, listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if near, err = Dial(t.Context(), "far:1", dial, 0); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func closePair(t *testing.T, near, far *Link) {
	t.Helper()
	done := make(chan error)
	go func() { done <- far.Close() }()
	if err := errors.Join(near.Close(), <-done); err != nil {
		t.Error(err)
	}
}

// padsOf is how many PADs came in the ladder of a stream.
func padsOf(l *Link, stream int) int { return l.Stream(stream).bytes.conn().pads }

// Who sends much warms a long path, whichever side it is, on the first two
// connections; and nobody else does.
func TestLadderIsWarmed(t *testing.T) {
	for name, c := range map[string]struct {
		trip             time.Duration
		dials            Role
		bulk             bool
		atDialler, atFar int
	}{
		"a sender that dials":      {80 * time.Millisecond, Sender, true, 0, ladderPads},
		"a sender that listens":    {80 * time.Millisecond, Receiver, true, ladderPads, 0},
		"a sender of little":       {80 * time.Millisecond, Sender, false, 0, 0},
		"a short path":             {2 * time.Millisecond, Sender, true, 0, 0},
		"a short path, other side": {2 * time.Millisecond, Receiver, true, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, listen := Config{Role: c.dials}, Config{Role: otherRole(c.dials)}
				if c.dials == Sender {
					dial.Bulk = c.bulk
				} else {
					listen.Bulk = c.bulk
				}
				near, far := distantPair(t, c.trip, dial, listen)
				if err := errors.Join(near.Grow(t.Context(), 3), far.Grow(t.Context(), 3)); err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					dialler, listener := c.atDialler, c.atFar
					if i == 2 {
						dialler, listener = 0, 0 // of many, none may hold up the others
					}
					if n, f := padsOf(near, i), padsOf(far, i); n != dialler || f != listener {
						t.Errorf("stream %d: %d PADs came at the dialler, %d at the listener; want %d and %d", i, n, f, dialler, listener)
					}
				}
				closePair(t, near, far)
			})
		})
	}
}

// A path is warmed behind the offer too; of that the other side sees nothing but
// that somebody is there.
func TestPadsArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := distantPair(t, 80*time.Millisecond, Config{Role: Sender, Bulk: true}, Config{Role: Receiver})
		before := near.Traffic()
		credit := framing.Credit{Bytes: 7}
		err := errors.Join(near.Warm(), near.Stream(0).Send(true, framing.TypeCredit, credit.Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		if sent := near.Traffic() - before; sent < offerPads*framing.MaxPad {
			t.Errorf("%d bytes were sent", sent)
		}
		if typ, n, err := far.Stream(0).Next(); typ != framing.TypeCredit || n != 4 || err != nil {
			t.Errorf("%v of %d bytes, %v", typ, n, err)
		}
		if heard := far.heard.Load(); heard > 64 {
			t.Errorf("%d bytes that say something", heard)
		}
		if _, err := far.Stream(0).Body(); err != nil {
			t.Error(err)
		}
		closePair(t, near, far)
	})
}

// A connection without proof sends no more PADs than it may, behind its HELLO, and
// none with something in it.
func TestPadsOfStrangers(t *testing.T) {
	pad := framing.Pad{Bytes: framing.MaxPad}
	full := pad.Append(nil)
	odd := pad.Append(nil)
	odd[100] = 1
	for name, c := range map[string]struct {
		early bool // before HELLO
		pads  int
		last  []byte
		fine  bool
	}{
		"as many as may be": {false, maxPads - 1, full, true},
		"one too many":      {false, maxPads, full, false},
		"something in it":   {false, 0, odd, false},
		"before HELLO":      {true, 0, full, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				s := stranger(t, inner.dial)
				p, err := newCodeProver(code(t, "7-right"), Sender, s.exporter)
				if err != nil {
					t.Fatal(err)
				}
				hello := newHelloFor(Sender)
				hello.Share = p.share()
				own := helloBody{body: hello.Append(nil), share: hello.Share}
				if !c.early {
					if err := s.send(framing.TypeHello, own.body); err != nil {
						t.Fatal(err)
					}
				}
				for range c.pads {
					if err := s.send(framing.TypePad, full); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.send(framing.TypePad, c.last); err != nil {
					t.Fatal(err)
				}
				_, theirs, err := readHello(s, Sender)
				if c.early {
					wantCode(t, "refusal", err, framing.CodeProtocol)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m, err := p.prove(own, theirs, dialling)
				if err != nil {
					t.Fatal(err)
				}
				proof := framing.Proof{MAC: m.dialler}
				_ = s.send(framing.TypeProof, proof.Append(nil)) // it may be refused by now
				if _, err = readProof(s); c.fine && err != nil {
					t.Error(err)
				} else if !c.fine {
					wantCode(t, "refusal", err, framing.CodeProtocol)
				}
				_ = l.Close()
			})
		})
	}
}

// abrupt is a connection that is reset when it is closed with something unread, and
// what the other side had not read of it yet is lost, as on some systems.
type abrupt struct{ distant }

func (a abrupt) Close() error {
	a.in.mu.Lock()
	unread := a.in.n > 0
	a.in.mu.Unlock()
	if unread {
		a.out.mu.Lock()
		a.out.n = 0
		a.out.mu.Unlock()
	}
	return a.distant.Close()
}

type abruptListener struct{ distantListener }

func (l abruptListener) Accept() (net.Conn, error) {
	c, err := l.distantListener.Accept()
	if err != nil {
		return nil, err
	}
	return abrupt{c.(distant)}, nil
}

// A dialler that is refused at its HELLO hears why, whatever it sent behind it.
func TestRefusedBehindPads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := abruptListener{distantListener{newMemoryListener(), 80 * time.Millisecond}}
		l, err := newListener(inner, Config{Role: Sender, Code: code(t, "7-right")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Dial(t.Context(), "far:1", Config{Role: Sender, Bulk: true, Code: code(t, "7-right"), Connect: inner.connect}, 0)
		if !errors.Is(err, ErrSameRole) {
			t.Errorf("%v, want %v", err, ErrSameRole)
		}
		_ = l.Close()
	})
}
