//go:build faults && linux

package networks

import (
	"fmt"
	"os/exec"
	"strings"
)

// machine is a network namespace.
type machine struct {
	r    *round
	name string // for ip(8)
}

// machine makes one with a loopback interface and nothing else.
func (r *round) machine(name string) *machine {
	r.Helper()
	m := &machine{r, fmt.Sprintf("fn%d-%s", r.c.serial.Add(1), name)}
	r.do("ip", "netns", "add", m.name)
	r.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", m.name).Run() })
	m.ip("link", "set", "lo", "up")
	return m
}

// enter is a command that runs another on the machine.
func (m *machine) enter(args ...string) []string {
	return append([]string{"ip", "netns", "exec", m.name}, args...)
}

// do runs a command on the machine.
func (m *machine) do(args ...string) {
	m.r.Helper()
	argv := m.enter(args...)
	m.r.do(argv[0], argv[1:]...)
}

// ip runs ip(8) on the machine.
func (m *machine) ip(args ...string) {
	m.r.Helper()
	m.r.do("ip", append([]string{"-n", m.name}, args...)...)
}

// nft sets rules: firewall, mdnsFirewall, or others.
func (m *machine) nft(rules string) {
	m.r.Helper()
	cmd := exec.Command("ip", m.enter("nft", "-f", "-")[1:]...)
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.r.Fatalf("nft: %v: %s", err, out)
	}
}

// Rules of a machine that takes nothing but answers, and of one that takes questions to
// the group of mDNS too, as ufw does.
const (
	firewall     = firewallHead + "}\n}\n"
	mdnsFirewall = firewallHead + "ip daddr 224.0.0.251 udp dport 5353 accept\nip6 daddr ff02::fb udp dport 5353 accept\n}\n}\n"
	firewallHead = `table inet firewall {
chain in {
type filter hook input priority 0; policy drop;
iif lo accept
ct state established,related accept
meta l4proto ipv6-icmp accept
`
)

// plug connects interface ifname of m to a bridge of sw. addrs may be none.
func (m *machine) plug(sw *machine, bridge, ifname string, addrs ...string) {
	m.r.Helper()
	port := fmt.Sprintf("p%d", m.r.c.serial.Add(1))
	m.r.do("ip", "link", "add", port, "netns", sw.name, "type", "veth", "peer", "name", ifname, "netns", m.name)
	sw.ip("link", "set", port, "master", bridge, "up")
	m.do("sysctl", "-qw", "net.ipv6.conf."+ifname+".accept_dad=0")
	m.ip("link", "set", ifname, "up")
	for _, a := range addrs {
		args := []string{"addr", "add", a, "dev", ifname}
		if strings.Contains(a, ":") {
			args = append(args, "nodad")
		}
		m.ip(args...)
	}
}

// without takes one family from all interfaces of m: 4 or 6.
func (m *machine) without(family int) {
	m.r.Helper()
	if family == 6 {
		m.do("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
		return
	}
	out, err := exec.Command("ip", "-n", m.name, "-o", "-4", "addr", "show", "scope", "global").Output()
	must(m.r, err)
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 3 {
			m.ip("addr", "del", f[3], "dev", f[1])
		}
	}
}

// lans is two LANs: a is on both, b and d on the first, c on the second.
type lans struct{ sw, a, b, c, d *machine }

// lan makes them. With snooping the bridges send a group's packets only where it was
// joined.
func (r *round) lan(snooping bool) *lans {
	r.Helper()
	n := &lans{r.machine("sw"), r.machine("a"), r.machine("b"), r.machine("c"), r.machine("d")}
	snoop := "0"
	if snooping {
		snoop = "1"
	}
	for _, bridge := range []string{"lan1", "lan2"} {
		n.sw.ip("link", "add", bridge, "type", "bridge", "mcast_snooping", snoop, "mcast_querier", snoop)
		n.sw.ip("link", "set", bridge, "up")
	}
	n.a.plug(n.sw, "lan1", "eth0", "192.0.2.1/24", "2001:db8:1::1/64")
	n.a.plug(n.sw, "lan2", "eth1", "198.51.100.1/24", "2001:db8:2::1/64")
	n.b.plug(n.sw, "lan1", "eth0", "192.0.2.2/24", "2001:db8:1::2/64")
	n.c.plug(n.sw, "lan2", "eth0", "198.51.100.3/24", "2001:db8:2::3/64")
	n.d.plug(n.sw, "lan1", "eth0", "192.0.2.4/24", "2001:db8:1::4/64")
	return n
}

// natting says what two NATs do.
type natting struct {
	// Masquerade of each: "" keeps ports, "random" and "fully-random" do not.
	A, B string
	// Refuse: strange calls from outside are refused, not dropped.
	Refuse bool
	// Delay of the wire between the NATs one way, in milliseconds. 0 is no delay.
	Delay int
}

// nats is two machines behind NATs: ha behind na at 203.0.113.11, hb behind nb at
// 203.0.113.12; r is in the open at 203.0.113.1. ha and hb have routed IPv6 addresses,
// 2001:db8:a::2 and 2001:db8:b::2, which take no calls from outside.
type nats struct{ wan, r, na, nb, ha, hb *machine }

func (r *round) nats(o natting) *nats {
	r.Helper()
	r.tool("ethtool", "sysctl")
	n := &nats{r.machine("wan"), r.machine("r"), r.machine("na"), r.machine("nb"), r.machine("ha"), r.machine("hb")}
	for i, m := range []*machine{n.r, n.na, n.nb} {
		r.do("ip", "link", "add", fmt.Sprint("w", i), "netns", n.wan.name, "type", "veth", "peer", "name", "wan", "netns", m.name)
		n.wan.ip("link", "set", fmt.Sprint("w", i), "promisc", "on", "up")
		m.ip("link", "set", "wan", "up")
		m.ip("addr", "add", []string{"203.0.113.1/24", "203.0.113.11/24", "203.0.113.12/24"}[i], "dev", "wan")
		m.ip("addr", "add", []string{"2001:db8:f::1/64", "2001:db8:f::a/64", "2001:db8:f::b/64"}[i], "dev", "wan", "nodad")
		m.plain("wan")
	}
	n.behind(n.na, n.ha, "198.51.100", "2001:db8:a", o.A, o.Refuse)
	n.behind(n.nb, n.hb, "192.0.2", "2001:db8:b", o.B, o.Refuse)
	for m, to := range map[*machine][2]string{
		n.na: {"2001:db8:b::/64", "2001:db8:f::b"}, n.nb: {"2001:db8:a::/64", "2001:db8:f::a"},
	} {
		m.ip("-6", "route", "add", to[0], "via", to[1])
	}
	n.r.ip("-6", "route", "add", "2001:db8:a::/64", "via", "2001:db8:f::a")
	n.r.ip("-6", "route", "add", "2001:db8:b::/64", "via", "2001:db8:f::b")
	r.forward(n.wan, o.Delay, "w0", "w1", "w2")
	return n
}

// plain keeps the kernel from leaving checksums and segments to a device: what forwards
// frames does not do that work.
func (m *machine) plain(ifname string) {
	m.r.Helper()
	m.do("ethtool", "-K", ifname, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
}

// behind puts host h behind the NAT g.
func (n *nats) behind(g, h *machine, net4, net6, masquerade string, refuse bool) {
	r := g.r
	r.Helper()
	r.do("ip", "link", "add", "lan", "netns", g.name, "type", "veth", "peer", "name", "eth0", "netns", h.name)
	g.ip("link", "set", "lan", "up")
	h.ip("link", "set", "eth0", "up")
	g.ip("addr", "add", net4+".1/24", "dev", "lan")
	h.ip("addr", "add", net4+".2/24", "dev", "eth0")
	h.ip("route", "add", "default", "via", net4+".1")
	g.ip("addr", "add", net6+"::1/64", "dev", "lan", "nodad")
	h.ip("addr", "add", net6+"::2/64", "dev", "eth0", "nodad")
	h.ip("-6", "route", "add", "default", "via", net6+"::1")
	g.do("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	g.plain("lan")
	h.plain("eth0")
	verdict := "drop"
	if refuse {
		verdict = "accept" // nothing listens on the NAT itself: its kernel refuses
	}
	g.nft(fmt.Sprintf(`table inet nat {
chain post { type nat hook postrouting priority 100; meta nfproto ipv4 oifname "wan" masquerade %s; }
chain in { type filter hook input priority 0; policy accept; meta l4proto tcp iifname "wan" ct state new %s; }
chain fw { type filter hook forward priority 0; policy accept; meta l4proto tcp iifname "wan" ct state new drop; }
}
`, masquerade, verdict))
}
