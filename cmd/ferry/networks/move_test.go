//go:build faults && linux

package networks

import (
	"fmt"
	"strings"
	"time"
)

// moveRounds cut a delivery on one LAN for longer than a side takes a silence for nothing.
// When the wire is there again, one side has another address, and no IPv6 that stays: the
// other side is found by a search, with the same link, and nothing is sent twice that was
// kept.
func moveRounds(f *family) {
	for closed, name := range map[bool]string{false: "lan", true: "closed-firewalls"} {
		for i, mover := range []string{"sender", "receiver"} {
			f.play(fmt.Sprintf("%s-%s-moved", name, mover), func(r *round) { moves(r, i, closed) })
		}
	}
}

// moves: side number mover comes back with another address. With closed, the firewall of each
// side lets in only questions, and answers to what the side itself has called.
func moves(r *round, mover int, closed bool) {
	b, machines := brokenOn(r, r.lan(false))
	for _, m := range machines {
		m.without(6)
		if closed {
			m.nft(mdnsFirewall)
		}
	}
	sides := b.start("60s", "--timeout", "10s")
	r.Cleanup(func() {
		if r.Failed() {
			for _, p := range sides {
				r.Logf("%v\n%s", p.cmd.Args, p.said())
			}
		}
	})
	for _, m := range machines {
		m.ip("link", "set", "eth0", "down")
	}
	<-time.After(14 * time.Second) // longer than that
	machines[mover].ip("addr", "flush", "dev", "eth0")
	machines[mover].ip("addr", "add", "192.0.2.77/24", "dev", "eth0")
	for _, m := range machines {
		m.ip("link", "set", "eth0", "up")
	}
	began := time.Now()
	if l, ok := sides[0].says(`"rejoined"`); ok {
		r.note("rejoined %v after the wire was there again", (sides[0].began.Add(l.at).Sub(began)).Round(time.Millisecond))
	} else {
		r.Error("the link was not joined again")
	}
	e := b.whole(sides)
	b.notTwice(e)
	if path := e.result().Path; closed && !strings.Contains(path, "both firewalls closed") {
		r.Errorf("the path is %q", path)
	}
}
