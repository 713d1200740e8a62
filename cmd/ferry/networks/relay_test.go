//go:build faults && linux

package networks

import (
	"crypto/rand"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// relayRounds are about two sides behind NATs that meet at a relay, and climb from it to a
// direct path where there is one.
func relayRounds(f *family) {
	f.play("keeping-ports", func(r *round) { climbs(r, natting{}, relayV4) })
	f.play("keeping-ports-slow", func(r *round) { climbs(r, natting{Delay: 20}, relayV4) })
	f.play("refusing-slow", func(r *round) { climbs(r, natting{Refuse: true, Delay: 20}, relayV4) })
	f.play("ipv6-firewalls", func(r *round) { climbs(r, natting{A: "random", B: "random"}, relayV6) })
	f.play("changing-ports", func(r *round) {
		m := r.meeting(natting{A: "random", B: "random"}, relayV4, 48)
		send, recv := m.start()
		arrived(r, send, recv, m.out, m.size)
		if path := recv.wait().result().Path; !strings.HasPrefix(path, "relay") {
			r.Errorf("the path was %q", path)
		}
		if n := m.carried(); n < m.size {
			r.Errorf("the relay carried %d bytes of %d", n, m.size)
		}
	})
	f.play("killed", func(r *round) {
		m := r.meeting(natting{A: "random", B: "random"}, relayV4, 64)
		send, recv := m.start("--bwlimit", "8M")
		m.half(send)
		m.relay.kill()
		<-m.relay.ended
		<-time.After(5 * time.Second) // so long there is no relay
		m.serve()
		arrived(r, send, recv, m.out, m.size)
		if n := send.wait().result().Resent; n > 8<<20 {
			r.Errorf("%d bytes were sent again", n)
		}
	})
	f.play("drained", func(r *round) {
		m := r.meeting(natting{A: "random", B: "random"}, relayV4, 64)
		send, recv := m.start("--bwlimit", "16M")
		m.half(send)
		m.relay.signal(syscall.SIGTERM)
		m.serve()
		arrived(r, send, recv, m.out, m.size)
		for _, p := range []*process{send, recv} {
			if e := p.wait(); strings.Contains(e.stdout, `"lost"`) || e.result().Resent > 0 {
				r.Errorf("the link was lost:\n%s", e.stdout)
			}
		}
	})
	f.play("absent", func(r *round) {
		n := r.nats(natting{})
		e := call{on: n.ha, env: []string{"FERRY_CODE=" + code}}.ferry("receive", "--yes", "--out", r.folder("out"), "--relay", relayV4, "--json").wait()
		if e.exit != 3 || !strings.Contains(e.result().Error.Message, "203.0.113.1") {
			r.Errorf("exit %d: %s%s", e.exit, e.stdout, e.stderr)
		}
	})
}

// Where the relay is to be met.
const (
	relayV4 = "tcp://203.0.113.1"
	relayV6 = "tcp://[2001:db8:f::1]"
)

// meeting is two sides behind NATs, a relay, and what one sends to the other.
type meeting struct {
	*nats
	r           *round
	relay       *process
	url, source string
	args        []string // of the relay, further ones
	env         []string // of both sides, further ones
	out         string   // where the file arrives
	size        int64
}

// meeting makes it with a file of so many MiB. The sides have only the relay's family. args
// are the relay's.
func (r *round) meeting(o natting, url string, mib int, args ...string) *meeting {
	r.Helper()
	r.tool("curl")
	m := &meeting{nats: r.nats(o), r: r, url: url, args: args, size: int64(mib) << 20}
	other := 6
	if url == relayV6 {
		other = 4
	}
	m.ha.without(other)
	m.hb.without(other)
	content := make([]byte, m.size)
	_, _ = rand.Read(content)
	m.source, m.out = r.file("photo", content), filepath.Join(r.folder("out"), "photo")
	m.serve()
	return m
}

// reached waits until both sides reach the relay. The first packets ask who has an address,
// and on a machine that is busy the answer may take longer than a kernel waits.
func (m *meeting) reached() {
	m.r.Helper()
	for _, host := range []*machine{m.ha, m.hb} {
		host.do("bash", "-c", `for i in {1..20}; do exec 3<>"/dev/tcp/$0/33780" && exit; done; exit 1`, strings.Trim(strings.TrimPrefix(m.url, "tcp://"), "[]"))
	}
}

// serve starts a relay.
func (m *meeting) serve() {
	m.r.Helper()
	m.relay = call{on: m.nats.r}.ferry(append([]string{"relay", "--json", "--metrics", "127.0.0.1:0"}, m.args...)...)
	if _, ok := m.relay.says(`"listening"`); !ok {
		m.r.Fatalf("no relay: %+v", m.relay.wait())
	}
}

// start starts both sides; args are of the sender.
func (m *meeting) start(args ...string) (send, recv *process) {
	m.r.Helper()
	return m.send(args...), m.receive()
}

// send starts the side that sends.
func (m *meeting) send(args ...string) *process {
	m.r.Helper()
	return call{on: m.hb, env: m.sides()}.ferry(append([]string{"send", m.source, "--json"}, args...)...)
}

// receive starts the other.
func (m *meeting) receive(args ...string) *process {
	m.r.Helper()
	return call{on: m.ha, env: m.sides()}.ferry(append([]string{"receive", "--yes", "--out", filepath.Dir(m.out), "--json"}, args...)...)
}

// sides is the environment of both: the code, and the relay as the only way.
func (m *meeting) sides() []string {
	return append([]string{"FERRY_CODE=" + code, "FERRY_RELAY=" + m.url, "FERRY_FIND=off"}, m.env...)
}

// half waits until half of the file is sent.
func (m *meeting) half(send *process) {
	m.r.Helper()
	if _, ok := send.says(`"started"`); !ok {
		m.r.Fatalf("nothing was sent: %+v", send.wait())
	}
	<-time.After(3 * time.Second) // at the rates of the rounds
}

// carried is how many bytes the relay says that it has carried.
func (m *meeting) carried() int64 {
	m.r.Helper()
	return m.number("ferry_relay_bytes_total{")
}

// number adds up the relay's numbers whose lines begin so.
func (m *meeting) number(prefix string) (n int64) {
	m.r.Helper()
	line, _ := m.relay.says(`"listening"`)
	_, rest, _ := strings.Cut(line.text, `"metrics":"`)
	at, _, ok := strings.Cut(rest, `"`)
	if !ok {
		m.r.Fatalf("where are the numbers? %s", line.text)
	}
	e := call{on: m.nats.r}.start("curl", "-s", "http://"+at+"/metrics").wait()
	for text := range strings.Lines(e.stdout) {
		if strings.HasPrefix(text, prefix) {
			f := strings.Fields(text)
			v, err := strconv.ParseInt(f[len(f)-1], 10, 64)
			must(m.r, err)
			n += v
		}
	}
	return n
}

// climbs checks that two sides come to a direct path, and that the relay carries little.
func climbs(r *round, o natting, url string) {
	r.Helper()
	m := r.meeting(o, url, 96)
	m.reached()
	// It takes 24 s. The sides climb in one, or in some more on a machine that is busy.
	send, recv := m.start("--bwlimit", "4M")
	arrived(r, send, recv, m.out, m.size)
	if path := recv.wait().result().Path; !strings.HasPrefix(path, "direct") {
		r.Errorf("the path was %q", path)
	}
	n := m.carried()
	if n == 0 || n > m.size/5 {
		r.Errorf("the relay carried %d bytes of %d", n, m.size)
	}
	first, _ := recv.says(`"started"`)
	r.note("%.1f %% went the direct path; from the command to the first file %v", 100*(1-float64(n)/float64(m.size)), first.at.Round(time.Millisecond))
}
