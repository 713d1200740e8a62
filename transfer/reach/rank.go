package reach

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// machine is what the system tells of the networks that a machine is on.
type machine struct {
	Interfaces []netface
	// The addresses that this machine has on its ways out, not valid without one.
	Default4, Default6 netip.Addr
}

// netface is one network interface.
type netface struct {
	Name     string
	Running  bool // it is up, and has a carrier
	Loopback bool
	Tunnel   bool // it leads to one other end, as that of a VPN does
	Bridge   bool // it joins other interfaces
	Addrs    []netip.Addr
	// Passing are those of Addrs that will go: temporary ones, and those going out of use.
	Passing []netip.Addr
}

// grade is how likely another machine reaches an address: the lower, the likelier.
type grade int

const (
	byDefault4   grade = iota // on the way out, which others most often come in by
	byDefault6                // the same in IPv6
	byNetwork4                // on a network of its own
	byBridge4                 // on a bridge that somebody made, as on hosts of virtual machines
	byTunnel4                 // reached by those in the same VPN
	byNetwork6                // as above, in IPv6
	byTunnel6                 //
	byInner                   // of containers and virtual machines on this machine
	byLinkLocal4              // of a network without any order
	byLinkLocal6              // is good with the other machine's zone only
	byLoopback                // of this machine alone
)

// ranked is an address with its grade.
type ranked struct {
	ip    netip.Addr
	grade grade
}

// rank lists the addresses that other machines may reach this one by, the likeliest first:
// those of networks, or where there are none, those of the next kind that there is. IPv6
// has one of an interface. A link-local IPv6 address comes without its zone, which means
// nothing elsewhere.
func (m machine) rank() []netip.Addr { return m.best(func(netip.Addr) bool { return true }) }

// rank4 is rank of the IPv4 addresses.
func (m machine) rank4() []netip.Addr { return m.best(netip.Addr.Is4) }

func (m machine) best(which func(netip.Addr) bool) []netip.Addr {
	var all []ranked
	for _, i := range m.Interfaces {
		if i.Running {
			all = append(all, m.rankOf(i)...)
		}
	}
	all = slices.DeleteFunc(all, func(r ranked) bool { return !which(r.ip) })
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.grade, b.grade) })
	var list []netip.Addr
	for _, r := range all {
		// From byInner on a grade counts only where there is nothing better.
		if r.grade >= byInner && r.grade != all[0].grade {
			break
		}
		list = append(list, r.ip)
	}
	return list
}

// rankOf ranks the addresses of one interface.
func (m machine) rankOf(i netface) (all []ranked) {
	six := ranked{grade: -1}
	for _, ip := range i.Addrs {
		ip = ip.Unmap().WithZone("")
		switch {
		case ip.IsLoopback() || i.Loopback:
			all = append(all, ranked{ip, byLoopback})
		case ip.IsUnspecified() || ip.IsMulticast():
		case ip.Is4() && ip.IsLinkLocalUnicast():
			all = append(all, ranked{ip, byLinkLocal4})
		case ip.IsLinkLocalUnicast():
			if !i.Tunnel {
				all = append(all, ranked{ip, byLinkLocal6})
			}
		case ip.Is4():
			all = append(all, ranked{ip, m.rankOf4(i, ip)})
		case six.grade < 0 || i.lasting(ip) > i.lasting(six.ip):
			six = ranked{ip, m.rankOf6(i)}
		}
	}
	if six.grade >= 0 {
		all = append(all, six)
	}
	return all
}

func (m machine) rankOf4(i netface, ip netip.Addr) grade {
	switch {
	case ip == m.Default4:
		return byDefault4
	case i.inner() && !slices.Contains(i.Addrs, m.Default4):
		return byInner
	case i.Tunnel:
		return byTunnel4
	case i.Bridge:
		return byBridge4
	}
	return byNetwork4
}

func (m machine) rankOf6(i netface) grade {
	switch {
	case m.Default6.IsValid() && slices.Contains(i.Addrs, m.Default6):
		return byDefault6
	case i.inner() && !slices.Contains(i.Addrs, m.Default4):
		return byInner
	case i.Tunnel:
		return byTunnel6
	}
	return byNetwork6
}

// lasting compares the IPv6 addresses of an interface: whether others outside reach it,
// and whether it stays.
func (i netface) lasting(ip netip.Addr) int {
	n := 0
	if !slices.Contains(i.Passing, ip) {
		n += 2
	}
	if !ip.IsPrivate() {
		n++
	}
	return n
}

// inner reports whether the name is one that containers, virtual machines and the like
// have given. Systems tell it by nothing else.
func (i netface) inner() bool {
	if rest, ok := strings.CutPrefix(i.Name, "br-"); ok && len(rest) == 12 && !strings.ContainsFunc(rest, notHex) {
		return true // a network of Docker
	}
	return slices.ContainsFunc([]string{
		"docker", "podman", "virbr", "lxcbr", "lxdbr", "incusbr", "cni", "cbr", "flannel", "cali", "kube", "nodelocaldns",
		"veth", "vnet", "vmnet", "vboxnet", "VirtualBox", "VMware", "vEthernet", "bridge1", "awdl", "llw", "anpi",
	}, func(start string) bool { return strings.HasPrefix(i.Name, start) })
}

func notHex(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }

// Scope is how far a set of addresses reaches.
type Scope int

// The scopes, the narrowest first.
const (
	OwnMachine Scope = iota
	OwnNetwork       // private ones, which other networks have as well
	Anywhere
)

// ScopeOf is the widest scope of any of the addresses.
func ScopeOf(list []netip.Addr) Scope {
	widest := OwnMachine
	for _, ip := range list {
		switch {
		case ip.IsLoopback():
		case ip.IsPrivate(), ip.IsLinkLocalUnicast(), shared().Contains(ip):
			widest = max(widest, OwnNetwork)
		default:
			widest = Anywhere
		}
	}
	return widest
}

// shared is the range of those whom a provider puts behind one address (RFC 6598).
func shared() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) }
