package lan

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"ferry/framing"
)

// quiet is a station that opens nothing.
func quiet(self Self) *station { return newStation(self, nil, nil) }

func ip(text string) netip.Addr { return netip.MustParseAddr(text) }

// packetOf is m as it comes from a machine of the network.
func packetOf(t *testing.T, m message, from string) packet {
	t.Helper()
	raw, err := m.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return packet{raw: raw, from: netip.AddrPortFrom(ip(from), 40000), by: face{name: "eth0"}}
}

// Only an answer to this search, or another's search for the same room, is found, and each
// address once.
func TestFound(t *testing.T) {
	self := Self{Role: framing.RoleSender, Room: "7", Port: 1000, Instance: [8]byte{1}}
	s := &Searcher{station: quiet(self), nonce: [8]byte{9}, found: make(chan Found, mostFound), known: make(map[Found]bool)}
	good := message{answer: true, nonce: s.nonce, tag: tagOf(s.nonce, "7"), role: framing.RoleReceiver, port: 2000, instance: [8]byte{2}}
	for name, change := range map[string]func(m *message){
		"own role":     func(m *message) { m.role = framing.RoleSender },
		"other search": func(m *message) { m.nonce = [8]byte{8}; m.tag = tagOf(m.nonce, "7") },
		"other room":   func(m *message) { m.tag = tagOf(m.nonce, "8") },
		"no port":      func(m *message) { m.port = 0 },
		"no listener":  func(m *message) { m.instance = [8]byte{} },
		"itself":       func(m *message) { m.instance = self.Instance },
		"a question for another room": func(m *message) {
			m.answer, m.nonce = false, [8]byte{8}
			m.tag = tagOf(m.nonce, "8")
		},
	} {
		m := good
		change(&m)
		if s.hear(packetOf(t, m, "192.0.2.9")); len(s.found) != 0 {
			t.Errorf("%s: %+v is found", name, <-s.found)
		}
	}
	for range 3 {
		s.hear(packetOf(t, good, "192.0.2.9"))
	}
	question := good
	question.answer, question.nonce, question.instance = false, [8]byte{8}, [8]byte{3}
	question.tag = tagOf(question.nonce, "7")
	s.hear(packetOf(t, question, "192.0.2.10"))
	if len(s.found) != 2 {
		t.Fatalf("%d are found", len(s.found))
	}
	if f := <-s.found; f != (Found{netip.MustParseAddrPort("192.0.2.9:2000"), [8]byte{2}, "eth0", false}) {
		t.Errorf("%+v", f)
	}
	if f := <-s.found; f.Addr.Addr() != ip("192.0.2.10") || !f.Searches {
		t.Errorf("%+v", f)
	}
	for n := range 2 * mostFound {
		good.instance[7] = byte(n + 1)
		s.hear(packetOf(t, good, "192.0.2.11"))
	}
	if len(s.known) != mostFound {
		t.Errorf("%d are kept", len(s.known))
	}
}

// Ten answers a second at most, and a source gets one in the time for each way to ask.
func TestAnswerLimits(t *testing.T) {
	a := &Answerer{sources: make(map[asked]time.Time)}
	now := time.Now()
	all := asked{ip("192.0.2.1"), false}
	if !a.may(all, now) || a.may(all, now.Add(answerEvery-1)) || !a.may(asked{all.from, true}, now) || !a.may(all, now.Add(answerEvery)) {
		t.Error("a source is answered too often, or not at all")
	}
	now = now.Add(time.Minute)
	count := 0
	for n := range 3 * mostSources {
		from := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		if a.may(asked{from, false}, now.Add(time.Duration(n)*time.Microsecond)) {
			count++
		}
	}
	if count != mostAnswers {
		t.Errorf("%d answers in a second", count)
	}
	for n := range 3 * mostSources {
		a.may(asked{netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), false}, now.Add(time.Duration(n)*time.Second))
	}
	if len(a.sources) > mostSources {
		t.Errorf("%d sources are kept", len(a.sources))
	}
}

// Calls are bounded, and there is one at a time to each place.
func TestCalls(t *testing.T) {
	release := make(chan struct{})
	called := make(chan netip.AddrPort, 100)
	a := &Answerer{
		ctx: t.Context(), calling: make(map[netip.AddrPort]bool),
		call: func(_ context.Context, to netip.AddrPort) { called <- to; <-release },
	}
	for n := range 20 {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 1)
		a.dial(to)
		a.dial(to)
	}
	if len(a.calling) != mostCalls {
		t.Errorf("%d calls at a time", len(a.calling))
	}
	close(release)
	a.calls.Wait()
	if len(called) != mostCalls || len(a.calling) != 0 {
		t.Errorf("%d calls, %d go on", len(called), len(a.calling))
	}
}

// What has passed a router, or is from elsewhere, is not looked at.
func TestPasses(t *testing.T) {
	s := quiet(Self{})
	s.faces = []face{
		{1, "eth0", []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64")}},
		{2, "eth1", []netip.Prefix{netip.MustParsePrefix("198.51.100.1/24"), netip.MustParsePrefix("2001:db8::1/64")}},
	}
	for _, c := range []struct {
		from       string
		index, ttl int
		want       string // as told of it, "" if it does not pass
	}{
		{"192.0.2.9:5", 1, 255, "192.0.2.9:5"},
		{"192.0.2.9:5", 0, 0, "192.0.2.9:5"}, // a system that tells nothing
		{"192.0.2.9:5", 1, 254, ""},
		{"192.0.2.9:5", 2, 255, ""},
		{"203.0.113.1:5", 1, 255, ""},
		{"[fe80::9%5]:5", 1, 255, "[fe80::9%eth0]:5"},
		{"[2001:db8::9]:5", 2, 255, "[2001:db8::9]:5"},
		{"[2001:db8::9]:5", 1, 255, ""},
		{"[2001:db8:9::9]:5", 2, 255, ""},
		{"192.0.2.9:5", 7, 255, ""},
	} {
		p := packet{from: netip.MustParseAddrPort(c.from)}
		got := ""
		if s.passes(&p, c.index, c.ttl) {
			got = p.from.String()
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestBroadcasts(t *testing.T) {
	f := face{nets: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("10.1.2.3/12"),
		netip.MustParsePrefix("198.51.100.6/30"), netip.MustParsePrefix("198.51.100.9/31"), netip.MustParsePrefix("fe80::1/64"),
	}}
	want := []netip.Addr{ip("192.0.2.255"), ip("10.15.255.255"), ip("198.51.100.7")}
	got := f.broadcasts()
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for n := range want {
		if got[n] != want[n] {
			t.Errorf("%v, want %v", got[n], want[n])
		}
	}
}

// Without a network both begin, tell of nothing, and end. What this machine has is not
// searched here.
func TestBeginAndEnd(t *testing.T) {
	if os.Getenv("FERRY_FIND") != "on" {
		s := &Searcher{station: quiet(Self{})}
		if r := s.Report(); r.Sent != 0 || len(r.Interfaces) != 0 || len(r.Errs) != 0 {
			t.Errorf("%+v", r)
		}
		t.Skip("packets would leave this machine: FERRY_FIND=on lets them")
	}
	self := Self{Role: framing.RoleSender, Room: "7", Port: 1}
	s := Search(t.Context(), self)
	a := Answer(t.Context(), self, func(context.Context, netip.AddrPort) {})
	s.Close()
	a.Close()
	for f := range s.Found() {
		t.Errorf("%+v is found", f)
	}
	s.Close()
	a.Close()
}

// Strangers who answer in any number of places hide nobody who answers later, and one that
// asks for many calls keeps no other from being called.
func TestACrowdHidesNobody(t *testing.T) {
	s := &Searcher{
		station: quiet(Self{Role: framing.RoleSender, Room: "7"}), nonce: [8]byte{9},
		found: make(chan Found, mostFound), known: make(map[Found]bool),
	}
	m := message{answer: true, nonce: s.nonce, tag: tagOf(s.nonce, "7"), role: framing.RoleReceiver, port: 2000, instance: [8]byte{2}}
	for n := range 3 * mostFound {
		m.port = uint16(1 + n)
		s.hear(packetOf(t, m, "192.0.2.66"))
		if n%2 == 0 && len(s.found) > 0 {
			<-s.found
		}
	}
	for len(s.found) > 0 {
		<-s.found
	}
	s.hear(packetOf(t, m, "192.0.2.7"))
	if len(s.found) != 1 || len(s.known) > mostFound {
		t.Errorf("%d are found, %d kept", len(s.found), len(s.known))
	}
	release := make(chan struct{})
	a := &Answerer{
		ctx: t.Context(), calling: make(map[netip.AddrPort]bool),
		call: func(context.Context, netip.AddrPort) { <-release },
	}
	for n := range 3 * mostCalls {
		a.dial(netip.AddrPortFrom(ip("192.0.2.66"), uint16(1+n)))
	}
	a.dial(netip.AddrPortFrom(ip("192.0.2.7"), 1))
	if len(a.calling) != callsEach+1 {
		t.Errorf("%d calls at a time", len(a.calling))
	}
	close(release)
	a.calls.Wait()
}
