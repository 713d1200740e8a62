package link

import (
	"net"
	"net/netip"
	"strconv"
)

// Addresses returns "host:port" for each way in which the listener may be
// dialled, the likeliest first: interface addresses before link-local ones
// (which carry the zone of this machine). Loopback is named only when it is what
// was bound, or when there is nothing else.
func (l *Listener) Addresses() []string {
	tcp, ok := l.inner.Addr().(*net.TCPAddr)
	if !ok {
		return []string{l.inner.Addr().String()}
	}
	bound := tcp.AddrPort().Addr()
	if !bound.IsUnspecified() {
		return []string{tcp.String()}
	}
	// A socket on [::] takes IPv4 too, one on 0.0.0.0 takes nothing else.
	return dialable(interfaceAddrs(), bound.Is4(), tcp.Port)
}

// interfaceAddrs lists what this machine can be reached by, loopback included.
func interfaceAddrs() []netip.Addr {
	var addrs []netip.Addr
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // no list is no reason not to listen
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range list {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			ip := p.Addr().Unmap()
			if ip.Is6() && ip.IsLinkLocalUnicast() {
				ip = ip.WithZone(i.Name)
			}
			addrs = append(addrs, ip)
		}
	}
	return addrs
}

// dialable orders addrs by how likely the other side reaches them.
func dialable(addrs []netip.Addr, only4 bool, port int) []string {
	var rank [4][]string
	for _, ip := range addrs {
		if only4 && !ip.Is4() {
			continue
		}
		n := 0
		switch {
		case ip.IsLoopback():
			n = 3
		case ip.IsLinkLocalUnicast():
			n = 2
		case ip.Is6():
			n = 1
		}
		rank[n] = append(rank[n], net.JoinHostPort(ip.String(), strconv.Itoa(port)))
	}
	list := append(append(rank[0], rank[1]...), rank[2]...)
	if len(list) == 0 {
		list = rank[3]
	}
	if len(list) == 0 {
		list = []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	}
	return list
}
