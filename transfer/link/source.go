package link

import (
	"net"
	"net/netip"
)

// source is whom connections without proof and wrong answers are counted for. It
// is comparable. The zero value stands for all connections that say nothing of
// where they come from, such as those in memory.
type source struct {
	network netip.Prefix
	named   string // by the connection itself
}

// sourced is a connection that knows better than its address who is behind it: a
// relay's says so in its own word.
type sourced interface{ Source() string }

// sourceOf tells the source of a connection: an IPv4 address or an IPv6 /64. A
// neighbour on an IPv6 link is counted by its whole address, since the /64 would
// be everybody there. A neighbour is a link-local address, or one in the /64 of
// the address at which it reached us.
func sourceOf(conn net.Conn) source {
	if s, ok := conn.(sourced); ok {
		return source{named: s.Source()}
	}
	ip, ok := addressOf(conn.RemoteAddr())
	if !ok {
		return source{}
	}
	if ip.Is4() || ip.IsLinkLocalUnicast() || ip.IsLoopback() {
		return source{network: netip.PrefixFrom(ip, ip.BitLen())}
	}
	network := netip.PrefixFrom(ip, 64).Masked()
	if own, ok := addressOf(conn.LocalAddr()); ok && network.Contains(own) {
		network = netip.PrefixFrom(ip, ip.BitLen())
	}
	return source{network: network}
}

func addressOf(a net.Addr) (netip.Addr, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return ip, ip.IsValid()
}
