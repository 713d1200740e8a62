//go:build faults && linux

package networks

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// severalRounds are about one offer for several receivers, each of which comes over the relay
// and climbs by itself.
func severalRounds(f *family) {
	f.play("keeping-ports", func(r *round) { severalClimb(r, natting{}, relayV4) })
	f.play("keeping-ports-slow", func(r *round) { severalClimb(r, natting{Delay: 20}, relayV4) })
	f.play("ipv6-firewalls", func(r *round) { severalClimb(r, natting{A: "random", B: "random"}, relayV6) })
	f.play("started-again", severalAgain)
}

// takes starts a receiver, and returns where the file arrives.
func (m *meeting) takes(name string) (recv *process, out string) {
	m.r.Helper()
	out = filepath.Join(m.r.folder(name), "photo")
	return m.takesInto(out), out
}

// takesInto starts a receiver.
func (m *meeting) takesInto(out string) *process {
	return call{on: m.ha, env: m.sides()}.ferry("receive", "--yes", "--out", filepath.Dir(out), "--json")
}

// severalAgain has one of two receivers killed when both have climbed. Started again, it has
// its place, and goes on where it was.
func severalAgain(r *round) {
	m := r.meeting(natting{}, relayV4, 96)
	send := m.send("--receivers", "2", "--bwlimit", "16M")
	one, first := m.takes("one")
	two, second := m.takes("two")
	for _, p := range []*process{one, two} {
		if _, ok := p.says(`"started"`); !ok {
			r.Fatalf("nothing came: %+v", p.wait())
		}
	}
	<-time.After(3 * time.Second) // at the rate of the round
	two.kill()
	<-two.ended
	again := m.takesInto(second)
	arrived(r, send, one, first, m.size)
	arrived(r, send, again, second, m.size)
	for _, p := range []*process{one, again} {
		if path := p.wait().result().Path; !strings.HasPrefix(path, "direct") {
			r.Errorf("the path was %q", path)
		}
	}
	if said := again.wait().stdout; strings.Contains(said, `"reused":0`) {
		r.Errorf("nothing of what was there served again: %.2000s", said[max(0, len(said)-2000):])
	}
}

// severalClimb has three receivers of one network come to direct paths at once.
func severalClimb(r *round, o natting, url string) {
	r.Helper()
	const receivers = 3
	m := r.meeting(o, url, 64)
	m.reached()
	// It takes 32 s. Three receivers climb in one, or in some more on a machine that is busy.
	send := m.send("--receivers", fmt.Sprint(receivers), "--bwlimit", "6M")
	var all [receivers]*process
	var out [receivers]string
	for i := range all {
		all[i], out[i] = m.takes(fmt.Sprint("out", i))
	}
	for i, recv := range all {
		arrived(r, send, recv, out[i], m.size)
		if path := recv.wait().result().Path; !strings.HasPrefix(path, "direct") {
			r.Errorf("the path of receiver %d was %q", i, path)
		}
	}
	for line := range strings.Lines(send.wait().stdout) {
		if strings.Contains(line, `"receiver_result"`) && !strings.Contains(line, `"path":"direct`) {
			r.Errorf("the sender tells another path: %s", line)
		}
	}
	n := m.carried()
	if n == 0 || n > receivers*m.size/5 {
		r.Errorf("the relay carried %d bytes of %d", n, receivers*m.size)
	}
	r.note("%.1f %% went the direct paths of %d receivers", 100*(1-float64(n)/float64(receivers*m.size)), receivers)
}
