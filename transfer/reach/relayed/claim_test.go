package relayed

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/socket"
	"ferry/transfer/reach/socket/sockettest"
)

func inlet(t *testing.T) *socket.Inlet {
	i := socket.NewInlet(&net.TCPAddr{})
	t.Cleanup(func() { _ = i.Close() })
	return i
}

// A relay chooses the number of a room, and a caller comes out of the inlet with all that
// it said right behind OK.
func TestClaim(t *testing.T) {
	left := make(chan framing.Code, 1)
	u := relayAt(t, func(s *script) {
		if m := s.claim(7); !m.Allocate || m.Instance != [8]byte{3} || m.Ticket == [32]byte{} {
			t.Errorf("claimed %+v", m)
		}
		knock := framing.Knock{Call: [16]byte{5}, Source: [4]byte{0xab}}
		s.send(framing.TypeKnock, knock.Append(nil))
		m, _ := framing.ParseLeave(s.get(framing.TypeLeave))
		left <- m.Code
	}, func(s *script) {
		s.hello()
		if m, err := framing.ParseJoin(s.get(framing.TypeJoin)); err != nil || m.Call != [16]byte{5} {
			t.Errorf("joined %v, %v", m, err)
		}
		ok := framing.RelayOK{Call: [16]byte{5}}
		both, _ := framing.AppendFrame(nil, framing.TypeOK, 0, ok.Append(nil))
		_, _ = s.Write(append(both, "hello"...))
		s.last()
	})
	in := inlet(t)
	c, err := Claim(t.Context(), u, ClaimOptions{Instance: [8]byte{3}, Inlet: in})
	if err != nil {
		t.Fatal(err)
	}
	if c.Number() != 7 || c.Seen().String() != "203.0.113.7:99" {
		t.Errorf("number %d, seen as %v", c.Number(), c.Seen())
	}
	conn, err := in.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, ok := conn.(*net.TCPConn); !ok {
		t.Errorf("a %T", conn)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if s := in.Source(conn); s != "relay:ab000000" {
		t.Errorf("source %q", s)
	}
	if !c.Leads(conn.RemoteAddr().String()) || c.Leads("192.0.2.1:1") {
		t.Error("it does not know where its connections lead")
	}
	if err := c.Close(true); err != nil {
		t.Fatal(err)
	}
	if code := <-left; code != framing.CodeCodeRefused {
		t.Errorf("left with %v", code)
	}
}

// A room is claimed again with its number and the same ticket, however often the relay
// goes away.
func TestClaimAgain(t *testing.T) {
	claims := make(chan framing.Claim, 4)
	u := relayAt(t,
		func(s *script) { claims <- s.claim(42) },
		func(s *script) { s.hello(); s.get(framing.TypeClaim); s.no(framing.CodeGaveUp) },
		func(*script) {},
		func(s *script) { claims <- s.claim(0); s.last() },
	)
	states := make(chan State, 10)
	c, err := Claim(t.Context(), u, ClaimOptions{Inlet: inlet(t), Tell: func(s State) { states <- s }})
	if err != nil {
		t.Fatal(err)
	}
	first, again := <-claims, <-claims
	if again.Allocate || again.Room != framing.RelayRoom(nil, "42") || again.Ticket != first.Ticket {
		t.Errorf("claimed again with %+v, before with %+v", again, first)
	}
	for s := range states {
		if s.Kind == Back {
			break
		}
		if s.Kind != Lost || s.Err == nil {
			t.Errorf("told %+v", s)
		}
	}
	if err := c.Close(false); err != nil {
		t.Fatal(err)
	}
}

// What a relay says first is final, and has a cause.
func TestClaimRefused(t *testing.T) {
	for code, want := range map[framing.Code]error{
		framing.CodePermission: errNoToken, framing.CodeLocked: errTaken, framing.CodeGaveUp: errGoing,
		framing.CodeVersion: errOlder, framing.CodeBusy: errBusy,
	} {
		u := relayAt(t, func(s *script) { s.hello(); s.no(code); s.last() })
		_, err := Claim(t.Context(), u, ClaimOptions{Room: "7", Inlet: inlet(t)})
		var e *Error
		if !errors.As(err, &e) || e.Code != code || !errors.Is(err, want) || e.URL != u {
			t.Errorf("%v: %v", code, err)
		}
	}
}

func TestNoRelayThere(t *testing.T) {
	addr, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseURL("tcp://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := Claim(t.Context(), u, ClaimOptions{Inlet: inlet(t)}); !errors.As(err, &e) || e.Code != framing.CodeLost {
		t.Errorf("%v", err)
	}
	if _, err := NewSeeker(u, SeekOptions{Room: "7"}).Connect(t.Context(), link.Want{Purpose: framing.PurposeNew}); !errors.As(err, &e) || !errors.Is(err, link.ErrNoWay) {
		t.Errorf("%v", err)
	}
	web := relayAt(t, func(s *script) {
		_, _ = io.WriteString(s, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, s) // a close before all is read would reset the connection
	})
	if _, err := Claim(t.Context(), web, ClaimOptions{Inlet: inlet(t)}); !errors.Is(err, errNotRelay) {
		t.Errorf("%v", err)
	}
}

// With a token the relay's nonce is waited for, and rooms have other names.
func TestToken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	token := []byte("open sesame")
	u := playAt(t, ln, token, func(s *script) {
		if m := s.claim(0); m.Room != framing.RelayRoom(token, "7") {
			t.Error("the room is not named with the token")
		}
		s.last()
	})
	c, err := Claim(t.Context(), u, ClaimOptions{Options: Options{Token: token}, Room: "7", Inlet: inlet(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(false); err != nil {
		t.Fatal(err)
	}
	free := relayAt(t, func(s *script) {
		if m := s.claim(0); m.Room != framing.RelayRoom(nil, "7") {
			t.Error("a relay without a token has rooms named with one")
		}
		s.last()
	})
	if c, err = Claim(t.Context(), free, ClaimOptions{Options: Options{Token: token}, Room: "7", Inlet: inlet(t)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(false); err != nil {
		t.Fatal(err)
	}
}

// Closing does not wait for a relay that says nothing, nor for a caller on its way.
func TestCloseAtOnce(t *testing.T) {
	u := relayAt(t, func(s *script) {
		s.claim(7)
		knock := framing.Knock{Call: [16]byte{5}}
		s.send(framing.TypeKnock, knock.Append(nil))
		s.last()
	}, func(s *script) { s.hello(); s.last() })
	in := inlet(t)
	c, err := Claim(t.Context(), u, ClaimOptions{Inlet: in})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Close(false); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > answerLimit/2 {
		t.Errorf("it took %v", took)
	}
}
