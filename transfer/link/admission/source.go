package admission

import (
	"net"
	"net/netip"
)

// Source is what connections without proof and wrong answers are counted by. It is
// comparable. The zero value stands for all connections that say nothing of where they
// come from, such as those in memory.
type Source struct {
	network netip.Prefix
	named   string // by whoever took the connection
}

// sourceOf returns the source of a connection: its name, if it has one, as what a relay
// passes on. Else it is an IPv4 address or an IPv6 /64. A
// neighbour on an IPv6 link is counted by its whole address, since the /64 would
// be everybody there. A neighbour is a link-local address, or one in the /64 of
// the address at which it reached us.
func sourceOf(conn net.Conn, named string) Source {
	if named != "" {
		return Source{named: named}
	}
	ip, ok := addressOf(conn.RemoteAddr())
	if !ok {
		return Source{}
	}
	if ip.Is4() || ip.IsLinkLocalUnicast() || ip.IsLoopback() {
		return Source{network: netip.PrefixFrom(ip, ip.BitLen())}
	}
	network := netip.PrefixFrom(ip, 64).Masked()
	if own, ok := addressOf(conn.LocalAddr()); ok && network.Contains(own) {
		network = netip.PrefixFrom(ip, ip.BitLen())
	}
	return Source{network: network}
}

func addressOf(a net.Addr) (netip.Addr, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return ip, ip.IsValid()
}
