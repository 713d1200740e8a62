package reach

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"ferry/transfer/link"
)

// A side that listens too, and has dialled, meets the other one again when that has begun
// anew: its own port is closed by then.
func TestMeetingAgain(t *testing.T) {
	s := listening(t, link.Sender, meetingCode)
	list, err := ParseList(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Ways{Role: link.Receiver, Addresses: list, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	cfg := configOf(t, link.Receiver, meetingCode)
	if err := m.Serve(cfg, "7"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ends := make(chan error, 1)
		go func() {
			l, err := s.Meet(t.Context(), configOf(t, link.Sender, meetingCode), 0)
			if err == nil {
				err = l.Close()
			}
			ends <- err
		}()
		l, err := m.Meet(t.Context(), cfg, time.Minute)
		if err != nil {
			t.Fatalf("no link: %v", err)
		}
		_ = l.Close()
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if own := m.self(); own.Instance != ([8]byte{}) {
		t.Error("who asks on the LAN now is told of a port that is closed")
	}
}

// onLAN is a place of a host.
func onLAN(host string, n, rank int) *candidate {
	at := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(n))
	return &candidate{key: at.String(), rank: rank, instance: [8]byte{byte(n), byte(rank)}, port: at.Port(), host: at.Addr()}
}

// Whoever is found in many places, takes connections and says nothing keeps nobody from the
// right one for long: what has failed comes last, and so does a new place of such a host.
func TestStrangersComeLast(t *testing.T) {
	f := field{changed: make(chan struct{})}
	for n := range 60 {
		c := onLAN("192.0.2."+strconv.Itoa(100+n), 1, rankLAN6)
		c.failed = 1 + n%5
		f.fill([]*candidate{c})
	}
	f.fill([]*candidate{onLAN("192.0.2.100", 2, rankLAN6)})
	right := onLAN("192.0.2.7", 1, rankLAN4)
	f.fill([]*candidate{right})
	if list, leads := f.usable(false); list[0] != right || leads[0] != 0 {
		t.Errorf("it is dialled after %v, behind %q", leads[slices.Index(list, right)], list[0].key)
	}
}

// One host has few places, however many it says, and all together have a bound. What was
// found last is among them, and the way of the link stays.
func TestPlacesAreBounded(t *testing.T) {
	f := field{changed: make(chan struct{})}
	best := onLAN("192.0.2.7", 1, rankLAN4)
	f.fill([]*candidate{{key: given, rank: rankGiven}, best})
	f.best = best
	for n := range 200 {
		f.fill([]*candidate{onLAN("192.0.2.66", 1+n, rankLAN4)})
	}
	if len(f.all) != 2+mostOfHost {
		t.Errorf("%d candidates of two hosts, and what was given", len(f.all))
	}
	for n := range 200 {
		f.fill([]*candidate{onLAN("198.51.100."+strconv.Itoa(n), 1, rankLAN4)})
	}
	if last := f.all[len(f.all)-1]; len(f.all) != 1+mostOnLAN || last.key != "198.51.100.199:1" || !slices.Contains(f.all, best) {
		t.Errorf("%d candidates, the last is %q", len(f.all), last.key)
	}
}

// One host alone cannot use up the exchanges that a code bears, in whatever names it refuses.
func TestAHostThatRefuses(t *testing.T) {
	f := field{changed: make(chan struct{})}
	for n := range 20 {
		f.fill([]*candidate{onLAN("192.0.2.66", 1+n, rankLAN4)})
		list, _ := f.usable(false)
		if len(list) == 0 {
			if n != mostWrong {
				t.Errorf("dialled no more after %d refusals", n)
			}
			return
		}
		f.refusedBy(list[len(list)-1])
		f.all = nil
	}
	t.Error("it is dialled on")
}

// What a side calls and who calls it use up one budget of its code, over all its searches.
func TestBothWaysHaveOneBudget(t *testing.T) {
	const weak = "7-right" // bears 3
	s := listening(t, link.Sender, meetingCode)
	list, err := ParseList(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), Ways{Role: link.Receiver, Addresses: list, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	cfg := configOf(t, link.Receiver, weak)
	if err := m.Serve(cfg, "7"); err != nil {
		t.Fatal(err)
	}
	caller := configOf(t, link.Sender, meetingCode)
	for range 2 {
		if _, err := link.Dial(t.Context(), m.Addr().String(), caller, time.Minute); CauseOf(err) != CodeRefused {
			t.Fatalf("a stranger's call: %v", err)
		}
	}
	if _, err := m.Meet(t.Context(), cfg, time.Minute); !errors.Is(err, link.ErrBurnt) {
		t.Errorf("after two calls of strangers and one to a stranger: %v", err)
	}
	s.heard(t, 1)
}
