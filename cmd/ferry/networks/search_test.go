//go:build faults && linux

package networks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"ferry/framing"
	"ferry/transfer/reach/lan"
	"ferry/transfer/reach/socket"
)

// probeEnv makes this program a "proxy", which knows the hosts in roomEnv, or one side of
// a search, without the rest of ferry: "sends" or "receives". The one that sends searches
// and dials; the other answers, and calls back.
const (
	probeEnv = "FERRY_NETWORKS_PROBE"
	roomEnv  = "FERRY_NETWORKS_ROOM"
)

const greeting = "hello from the other side\n"

// probe prints what happens, a line each, until its standard input ends.
func probe(role string) int {
	if role == "proxy" {
		return serveProxy(os.Getenv(roomEnv))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	ln, err := socket.Listen(ctx, ":0")
	if err != nil {
		return complain(err)
	}
	in := socket.NewInlet(ln.Addr())
	in.Feed(ln)
	self := lan.Self{Room: os.Getenv(roomEnv), Port: uint16(ln.Addr().(*net.TCPAddr).Port), Instance: [8]byte{1: byte(os.Getpid() >> 8), 2: byte(os.Getpid()), 3: 1}}
	if role == "receives" {
		self.Role = framing.RoleReceiver
		answers(ctx, self, in)
	} else {
		self.Role, self.Instance = framing.RoleSender, [8]byte{}
		searches(ctx, self)
	}
	if err := in.Close(); err != nil {
		return complain(err)
	}
	return 0
}

func answers(ctx context.Context, self lan.Self, in *socket.Inlet) {
	a := lan.Answer(ctx, self, func(ctx context.Context, to netip.AddrPort) {
		fmt.Println("called back", to)
		if conn, err := socket.Open(ctx, self.Port, to); err == nil {
			_ = in.Put(conn, "")
		}
	})
	defer a.Close()
	fmt.Println("ready")
	go func() { <-ctx.Done(); _ = in.Close() }()
	for {
		conn, err := in.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, greeting)
		_ = conn.Close()
	}
}

func searches(ctx context.Context, self lan.Self) {
	s := lan.Search(ctx, self)
	defer s.Close()
	defer func() {
		text, _ := json.Marshal(s.Report())
		fmt.Println("report", string(text))
	}()
	began := time.Now()
	for f := range s.Found() {
		fmt.Printf("found %v by %s after %v\n", f.Addr, f.Interface, time.Since(began).Round(time.Millisecond))
		go func() {
			conn, _, err := s.Dial(ctx, f)
			if err != nil {
				return
			}
			defer conn.Close()
			if b, err := io.ReadAll(conn); err == nil && string(b) == greeting {
				fmt.Printf("greeted %v after %v\n", f.Addr, time.Since(began).Round(time.Millisecond))
			}
		}()
	}
}

// side is a probe, and what ends it.
type side struct {
	*process
	end func()
}

func (r *round) probe(on *machine, role, room string) *side {
	r.Helper()
	program, err := os.Executable()
	must(r, err)
	in, out := io.Pipe()
	p := call{on: on, env: []string{probeEnv + "=" + role, roomEnv + "=" + room}, stdin: in}.start(program)
	end := func() { _ = out.Close() }
	r.Cleanup(end) // before the process is killed
	return &side{p, end}
}

// meet runs a side that answers on one machine and one that searches on another, and
// returns what the latter said.
func (r *round) meet(from, to *machine) string {
	r.Helper()
	answerer := r.probe(to, "receives", "7")
	answerer.says("ready")
	searcher := r.probe(from, "sends", "7")
	if _, ok := searcher.says("greeted"); !ok {
		r.Errorf("it was not found")
	}
	searcher.end()
	answerer.end()
	e := searcher.wait()
	if r.Failed() {
		r.Logf("%+v", e)
	}
	for text := range strings.Lines(e.stdout) {
		if strings.HasPrefix(text, "greeted") {
			r.note("%s", strings.TrimSpace(text))
			break
		}
	}
	return e.stdout + answerer.wait().stdout
}

// knows makes ip a neighbour of m: the two have spoken.
func (m *machine) knows(ip string) {
	m.r.Helper()
	m.r.tool("bash")
	m.do("bash", "-c", "exec 3<>/dev/tcp/"+ip+"/9 || true")
}

// searchRounds are about package lan alone.
func searchRounds(f *family) {
	for _, snooping := range []bool{false, true} {
		f.play(fmt.Sprintf("both_families_snooping_%v", snooping), func(r *round) {
			n := r.lan(snooping)
			r.meet(n.b, n.d)
			// A machine on two LANs finds and is found on both.
			r.meet(n.c, n.a)
			r.meet(n.a, n.c)
			r.meet(n.a, n.b)
		})
	}
	for _, family := range []int{4, 6} {
		f.play(fmt.Sprintf("without_IPv%d", family), func(r *round) {
			n := r.lan(false)
			n.b.without(family)
			n.d.without(family)
			r.meet(n.b, n.d)
		})
	}
	f.play("firewall_here", func(r *round) {
		n := r.lan(false)
		n.b.nft(firewall)
		n.b.knows("192.0.2.4")
		r.meet(n.b, n.d)
	})
	f.play("firewall_there_lets_questions_in", func(r *round) {
		n := r.lan(false)
		n.d.nft(mdnsFirewall)
		r.meet(n.b, n.d)
	})
	f.play("firewalls_let_questions_in", func(r *round) {
		n := r.lan(false)
		n.b.nft(mdnsFirewall)
		n.d.nft(mdnsFirewall)
		if said := r.meet(n.b, n.d); !strings.Contains(said, "called back") {
			r.Errorf("no call was needed: %s", said)
		}
	})
	f.play("no_network", noNetwork)
	f.play("what_is_seen", whatIsSeen)
	f.play("comes_later", comesLater)
}

// noNetwork: nothing to ask, and no failure. An interface that comes is asked.
func noNetwork(r *round) {
	n := r.lan(false)
	n.b.ip("link", "set", "eth0", "down")
	answerer := r.probe(n.d, "receives", "7")
	answerer.says("ready")
	searcher := r.probe(n.b, "sends", "7")
	<-time.After(time.Second) // some rounds without a network
	n.b.ip("link", "set", "eth0", "up")
	if _, ok := searcher.says("greeted"); !ok {
		r.Errorf("it was not found")
	}
	searcher.end()
	searcher.wait()
}

// comesLater: the network of the side that answers comes when it waits already.
func comesLater(r *round) {
	n := r.lan(true)
	n.d.ip("link", "set", "eth0", "down")
	answerer := r.probe(n.d, "receives", "7")
	answerer.says("ready")
	n.d.ip("link", "set", "eth0", "up")
	n.d.ip("addr", "replace", "192.0.2.44/24", "dev", "eth0")
	searcher := r.probe(n.b, "sends", "7")
	if _, ok := searcher.says("greeted"); !ok {
		r.Errorf("it was not found")
	}
	searcher.end()
	searcher.wait()
}

// whatIsSeen: a third machine sees nothing before somebody searches, then no more than six
// rounds in 10 s, and nothing of the room as text.
func whatIsSeen(r *round) {
	n := r.lan(false)
	n.b.knows("192.0.2.1") // which is asked by itself then
	seen := n.d.sniff("eth0")
	const room = "a-room-of-words"
	answerer := r.probe(n.a, "receives", room)
	answerer.says("ready")
	<-time.After(time.Second)
	if got := questions(seen); len(got) != 0 {
		r.Errorf("%d packets before anybody searches", len(got))
	}
	other := r.probe(n.b, "sends", "another-room")
	<-time.After(10 * time.Second)
	other.end()
	e := other.wait()
	got := questions(seen)
	// One a round for each family, and one to all of the subnet.
	if len(got) == 0 || len(got) > 3*6 {
		r.Errorf("%d packets of a search in 10 s", len(got))
	}
	if strings.Contains(e.stdout, "found") {
		r.Errorf("another room was found: %s", e.stdout)
	}
	for _, payload := range got {
		if bytes.Contains(payload, []byte("room")) {
			r.Errorf("a packet names the room: %q", payload)
		}
	}
	r.note("%d packets of a search in 10 s, of %d bytes", len(got), len(got[0]))
}

// questions are the packets to the ports of a search that passed.
func questions(s *sniffer) (list [][]byte) {
	for _, f := range s.frames() {
		if _, to, payload, ok := f.udp(); ok && (to == 5353 || to == 33779) {
			list = append(list, payload)
		}
	}
	return list
}
