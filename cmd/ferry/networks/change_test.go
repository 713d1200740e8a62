//go:build faults && linux

package networks

import (
	"fmt"
	"time"
)

// changeRounds are deliveries on a LAN whose machines get other addresses, or lose the wire
// for a while, when a side looks for the other one already. Without IPv6 no address stays.
func changeRounds(f *family) {
	for _, searches := range []bool{true, false} {
		who := map[bool]string{true: "who_searches", false: "who_answers"}[searches]
		f.play("address_comes_"+who, func(r *round) {
			changes(r, searches, func(m *machine) {
				// What a machine gives itself before it is given an address.
				m.ip("addr", "flush", "dev", "eth0")
				m.ip("addr", "add", "169.254.9.7/16", "dev", "eth0")
			}, func(m *machine) {
				m.ip("addr", "add", "192.0.2.77/24", "dev", "eth0")
				m.ip("addr", "del", "169.254.9.7/16", "dev", "eth0")
			})
		})
		f.play("wire_comes_again_"+who, func(r *round) {
			changes(r, searches,
				func(m *machine) { m.ip("link", "set", "eth0", "down") },
				func(m *machine) { m.ip("link", "set", "eth0", "up") })
		})
	}
	f.play("address_changes_when_found", changesWhenFound)
}

// changes: one side begins, is cut off by away, and can be reached after back. The other one
// is there all the time.
func changes(r *round, searches bool, away, back func(m *machine)) {
	n := r.lan(false)
	n.b.without(6)
	n.d.without(6)
	p := r.pair(n.b, n.d, code)
	// The sender searches alone: the receiver's code is made up there otherwise.
	m, send, recv := n.b, (*process)(nil), (*process)(nil)
	if searches {
		send = p.send()
		send.says(`"looking"`)
	} else {
		m = n.d
		recv = p.recv()
		recv.says(`"looking"`)
	}
	away(m)
	if searches {
		recv = p.recv()
	} else {
		send = p.send()
	}
	<-time.After(4 * time.Second) // the dense questions of both are over
	back(m)
	began := time.Now()
	met(r, send, recv, p)
	r.note("over %v after the change", time.Since(began).Round(time.Millisecond))
}

// changesWhenFound: the side that was found gets another address before it could be dialled.
func changesWhenFound(r *round) {
	n := r.lan(false)
	n.b.without(6)
	n.d.without(6)
	for _, m := range []*machine{n.b, n.d} {
		m.nft("table inet held {\nchain in { type filter hook input priority 0; policy accept; meta l4proto tcp drop; }\n}\n")
	}
	p := r.pair(n.b, n.d, code)
	send, recv := p.send(), p.recv()
	recv.says(`"found"`) // of two who look, the receiver dials
	<-time.After(time.Second)
	for i, m := range []*machine{n.b, n.d} {
		m.ip("addr", "flush", "dev", "eth0")
		m.ip("addr", "add", fmt.Sprintf("192.0.2.%d/24", 70+i), "dev", "eth0")
		m.nft("delete table inet held\n")
	}
	began := time.Now()
	met(r, send, recv, p)
	r.note("over %v after the change", time.Since(began).Round(time.Millisecond))
}
