package reach

import (
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"ferry/transfer/link"
)

func code(t *testing.T, text string) link.Code {
	t.Helper()
	c, err := link.ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ferryAt is a listening side at one address.
func ferryAt(t *testing.T, host string, role link.Role, secret string) *link.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no other addresses of loopback here: %v", err)
	}
	l, err := link.Serve(inner, link.Config{Role: role, Code: code(t, secret), Timeout: link.MinTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial makes a link over r. It tells how often it failed before.
func dial(t *testing.T, r *race, secret string, wait time.Duration) (*link.Link, int, error) {
	t.Helper()
	waits := 0
	l, err := r.dial(t.Context(), link.Config{
		Role: link.Sender, Code: code(t, secret),
		Notify: func(e link.Event) {
			if e.Kind == link.EventWaiting {
				waits++
			}
		},
	}, wait)
	return l, waits, err
}

// Behind strangers of all kinds the right side is found, and each costs one attempt.
func TestTheRightOneAmongStrangers(t *testing.T) {
	web, _ := place(t, "127.0.0.2", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_, _ = io.Copy(io.Discard, c) // a close before all is read would reset the connection
	})
	hangsUp, _ := place(t, "127.0.0.3", nil)
	otherCode := ferryAt(t, "127.0.0.4", link.Receiver, "7-another-code-here")
	otherRole := ferryAt(t, "127.0.0.5", link.Sender, "7-right-code-here")
	right := ferryAt(t, "127.0.0.6", link.Receiver, "7-right-code-here")
	r := raceTo(t, 0, web, hangsUp, otherCode.Addr().String(), otherRole.Addr().String(), shut(t, "127.0.0.7"), right.Addr().String())
	l, waits, err := dial(t, r, "7-right-code-here", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if peer, _, _ := l.Peer(); peer != right.Addr().String() {
		t.Errorf("the link is to %s", peer)
	}
	if waits != 4 {
		t.Errorf("%d attempts failed before", waits)
	}
	for i, want := range []Cause{NotFerry, HungUp, CodeRefused, SameRole} {
		if got := r.tried()[i]; got.Cause != want {
			t.Errorf("%v: %d (%v), want %d", got.Address, got.Cause, got.Err, want)
		}
	}
}

// A code that all refuse is refused, before the time to wait is over.
func TestAllRefuse(t *testing.T) {
	a := ferryAt(t, "127.0.0.4", link.Receiver, "7-another-code-here")
	b := ferryAt(t, "127.0.0.5", link.Receiver, "7-yet-another-code")
	_, _, err := dial(t, raceTo(t, 0, a.Addr().String(), b.Addr().String()), "7-right-code-here", time.Hour)
	if CauseOf(err) != CodeRefused {
		t.Errorf("%v", err)
	}
}

// One side that listens at several addresses counts one wrong code, not one for each.
func TestOneSideCountsOnce(t *testing.T) {
	var mu sync.Mutex
	wrong := 0
	inner, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.Serve(inner, link.Config{Role: link.Receiver, Code: code(t, "7-right-code-here"), Notify: func(e link.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == link.EventRefused {
			wrong++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var addrs []string
	for i := 2; i < 6; i++ {
		addrs = append(addrs, net.JoinHostPort("127.0.0."+strconv.Itoa(i), port))
	}
	_, _, err = dial(t, raceTo(t, 0, addrs...), "7-wrong-code-here", time.Hour)
	if CauseOf(err) != CodeRefused {
		t.Errorf("%v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if wrong != 1 {
		t.Errorf("%d wrong codes were counted", wrong)
	}
}

// The patience with the others is over once one has proved itself: a link that is lost is
// made again however long that was before.
func TestPatienceEndsWithTheProof(t *testing.T) {
	other := ferryAt(t, "127.0.0.4", link.Receiver, "7-another-code-here")
	right := ferryAt(t, "127.0.0.5", link.Receiver, "7-right-code-here")
	r := raceTo(t, time.Minute, other.Addr().String(), right.Addr().String())
	l, _, err := dial(t, r, "7-right-code-here", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r.refused = r.refused.Add(-time.Hour)
	for range 2 {
		if got := connectTo(t, r); got != right.Addr().String() {
			t.Errorf("connected to %s", got)
		}
	}
}

// A refused code is final for the name of one machine, whatever numbers it has beside.
func TestANameRefusesAsOne(t *testing.T) {
	there := ferryAt(t, "127.0.0.4", link.Receiver, "7-another-code-here")
	end := there.Addr().(*net.TCPAddr).AddrPort()
	// No resolver is asked for a name with an empty part.
	r := raceTo(t, 0, net.JoinHostPort("nas..x", strconv.Itoa(int(end.Port()))))
	r.known["nas..x"] = []netip.Addr{netip.MustParseAddr("127.0.0.3"), end.Addr()}
	if _, _, err := dial(t, r, "7-right-code-here", time.Hour); CauseOf(err) != CodeRefused {
		t.Errorf("%v", err)
	}
}
