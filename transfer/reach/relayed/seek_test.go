package relayed

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
)

// A seeker waits while the room is empty. Further connections are of the first one's call.
func TestSeek(t *testing.T) {
	u := relayAt(t, func(s *script) {
		if m := s.seek(0); m.Call != [16]byte{} || m.Room != framing.RelayRoom(nil, "7") {
			t.Errorf("sought %+v", m)
		}
		s.wait(4)
		s.ok(9)
		_, _ = io.WriteString(s, "hello")
		s.last()
	}, func(s *script) {
		if m := s.seek(4); m.Call != [16]byte{9} {
			t.Errorf("sought %+v", m)
		}
		s.ok(9)
		s.last()
	})
	var told []State
	k := NewSeeker(u, SeekOptions{Room: "7", Tell: func(s State) { told = append(told, s) }})
	conn, err := k.Connect(t.Context(), link.Want{Purpose: framing.PurposeNew})
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
	if k.Seen().String() != "203.0.113.8:98" || !k.Leads(conn.RemoteAddr().String()) {
		t.Errorf("seen as %v", k.Seen())
	}
	further, err := k.Connect(t.Context(), link.Want{Purpose: framing.PurposeStream, Stream: 1, Last: conn})
	if err != nil {
		t.Fatal(err)
	}
	_ = further.Close()
	if len(told) != 2 || told[0].Kind != Nobody || told[1].Kind != There {
		t.Errorf("told %+v", told)
	}
}

// Whoever waits hears that nobody is there, and may wait again.
func TestNobodyThere(t *testing.T) {
	waits := make(chan struct{}, 1)
	u := relayAt(t, func(s *script) { s.seek(0); waits <- struct{}{}; s.last() })
	k := NewSeeker(u, SeekOptions{Room: "7"})
	ctx, cancel := context.WithCancel(t.Context())
	k.opts.Tell = func(State) { cancel() }
	_, err := k.Connect(ctx, link.Want{Purpose: framing.PurposeNew})
	var e *Error
	if !errors.As(err, &e) || e.Code != framing.CodeTimeout || !errors.Is(err, errNobody) || errors.Is(err, link.ErrNoWay) {
		t.Errorf("%v", err)
	}
	<-waits
}

// What a relay refuses for good ends the search; what may pass does not.
func TestSeekRefused(t *testing.T) {
	for code, final := range map[framing.Code]bool{
		framing.CodePermission: true, framing.CodeCodeRefused: true, framing.CodeVersion: true,
		framing.CodeBusy: false, framing.CodeGaveUp: false, framing.CodeTimeout: false,
	} {
		u := relayAt(t, func(s *script) { s.seek(1); s.no(code); s.last() })
		_, err := NewSeeker(u, SeekOptions{Room: "7"}).Connect(t.Context(), link.Want{Purpose: framing.PurposeNew})
		var e *Error
		if !errors.As(err, &e) || e.Code != code || errors.Is(err, link.ErrNoWay) != final {
			t.Errorf("%v: %v", code, err)
		}
	}
}

// A relay that was reached and is gone is called again by the link, and told of once.
func TestSeekLost(t *testing.T) {
	u := relayAt(t, func(s *script) { s.seek(1); s.ok(1); s.last() }, func(*script) {})
	var told []State
	k := NewSeeker(u, SeekOptions{Room: "7", Tell: func(s State) { told = append(told, s) }})
	conn, err := k.Connect(t.Context(), link.Want{Purpose: framing.PurposeNew})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for range 2 {
		if _, err := k.Connect(t.Context(), link.Want{Purpose: framing.PurposeRejoin, Last: conn}); err == nil || errors.Is(err, link.ErrNoWay) {
			t.Errorf("%v", err)
		}
	}
	if len(told) != 2 || told[1].Kind != Lost {
		t.Errorf("told %+v", told)
	}
}

// A relay that says nothing does not keep a dialler beyond its context.
func TestSilentRelay(t *testing.T) {
	u := relayAt(t, (*script).last)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewSeeker(u, SeekOptions{Room: "7"}).Connect(ctx, link.Want{Purpose: framing.PurposeNew}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// What a relay sees of another port than the shared one says nothing about that one.
func TestSight(t *testing.T) {
	before := netip.MustParseAddrPort("203.0.113.8:98")
	for _, step := range []struct {
		shared bool
		before netip.AddrPort
		now    string
		want   string
	}{
		{true, before, "203.0.113.8:5", "203.0.113.8:5"},
		{false, before, "203.0.113.8:5", "203.0.113.8:98"},
		{false, before, "203.0.113.9:5", "203.0.113.9:0"},
		{false, netip.AddrPort{}, "203.0.113.9:5", "203.0.113.9:0"},
	} {
		c := &client{shared: step.shared}
		if got := c.sight(step.before, framing.SeenAt(netip.MustParseAddrPort(step.now))); got.String() != step.want {
			t.Errorf("%+v: %v", step, got)
		}
	}
}

// Who is in the room and does not know the code is not come to, and may leave.
func TestSkip(t *testing.T) {
	u := relayAt(t, func(s *script) { s.seek(4); s.last() }, func(s *script) { s.seek(5); s.ok(9); s.last() })
	var asked [][8]byte
	k := NewSeeker(u, SeekOptions{Room: "7", Skip: func(who [8]byte) bool {
		asked = append(asked, who)
		return len(asked) == 1
	}})
	_, err := k.Connect(t.Context(), link.Want{Purpose: framing.PurposeNew})
	if no := new(Error); !errors.As(err, &no) || no.Code != framing.CodeLocked || errors.Is(err, link.ErrNoWay) {
		t.Errorf("came to a stranger: %v", err)
	}
	conn, err := k.Connect(t.Context(), link.Want{Purpose: framing.PurposeNew})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if len(asked) != 2 || asked[0] == asked[1] {
		t.Errorf("asked about %x", asked)
	}
}
