package reach

import (
	"net"
	"net/netip"
	"slices"

	"ferry/framing"
)

// isMetadata tells of an address at which clouds tell a machine its secrets: nobody is to
// make another call it.
func isMetadata(ip netip.Addr) bool {
	return slices.ContainsFunc([]string{
		"169.254.169.0/24", "169.254.170.0/24", "fd00:ec2::/32", // of most, and of Amazon
		"fd20:ce::254/128", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", // Google, Azure, Alibaba, Oracle
	}, func(text string) bool { return netip.MustParsePrefix(text).Contains(ip) })
}

// carried is the IPv4 address that a translator on the way (RFC 6052) would call for ip, or
// ip itself.
func carried(ip netip.Addr) netip.Addr {
	if netip.MustParsePrefix("64:ff9b::/96").Contains(ip) {
		bytes := ip.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return ip
}

// ownPaths is where this machine may be reached, the likeliest first. One that has no
// address for others tells its loopback: the other side dials that only if it knows by
// itself that both are on one machine, and needs the port then.
func (c *Climb) ownPaths() (list []framing.Path) {
	own := Own(c.opts.At)
	for _, a := range own {
		if ip := a.Addr(); !ip.IsLoopback() && !(ip.Is6() && ip.IsLinkLocalUnicast()) {
			list = append(list, pathTo(ip, a.Port()))
		}
	}
	if len(list) == 0 && len(own) > 0 {
		list = append(list, pathTo(own[0].Addr(), own[0].Port()))
	}
	list = list[:min(len(list), framing.MaxPaths-1)]
	if seen := c.seen(); seen.IsValid() {
		list = append(list, framing.Path{Kind: framing.PathSeen, Host: seen.Addr().String(), Port: seen.Port()})
	}
	return list
}

func pathTo(ip netip.Addr, port uint16) framing.Path {
	kind := framing.PathV6
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		kind = framing.PathV4
	}
	return framing.Path{Kind: kind, Host: ip.String(), Port: port}
}

// seen is how the relay sees the shared port. A port that it does not know is taken for
// the same as here: most networks do not change it.
func (c *Climb) seen() netip.AddrPort {
	if c.opts.Seen == nil || c.port == 0 {
		return netip.AddrPort{}
	}
	a := c.opts.Seen()
	if !a.Addr().IsValid() || a.Addr().IsLoopback() || a.Addr().IsUnspecified() {
		return netip.AddrPort{}
	}
	if a.Port() == 0 {
		return netip.AddrPortFrom(a.Addr(), c.port)
	}
	return a
}

// keepsPort tells whether a port here is the same outside, as far as is known.
func (c *Climb) keepsPort() bool {
	seen := c.seen()
	return c.port != 0 && (!seen.IsValid() || seen.Port() == c.port)
}

// ownHosts is the addresses of this machine that were told.
func (c *Climb) ownHosts() (list []netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.own {
		if ip, err := netip.ParseAddr(p.Host); err == nil && p.Kind != framing.PathSeen {
			list = append(list, ip)
		}
	}
	return list
}

// targets is what may be dialled of what the other side has told.
func (c *Climb) targets() []netip.AddrPort {
	list, _ := c.on().Paths()
	return dialable(list, c.opts.Hosts, Own(c.opts.At))
}

// dialable is what may be dialled of a list that the other side tells. Names are not
// looked up. Addresses that mean this machine, many machines, or a service of the network
// are not dialled, whoever names them. own has the addresses that this side listens at.
// Each of the hosts is dialled with the ports of the list.
func dialable(list []framing.Path, hosts []netip.Addr, own []netip.AddrPort) (to []netip.AddrPort) {
	add := func(a netip.AddrPort) {
		if !slices.Contains(to, a) && !slices.Contains(own, a) && len(to) < framing.MaxPaths {
			to = append(to, a)
		}
	}
	for _, p := range list {
		for _, host := range hosts {
			if p.Kind != framing.PathSeen {
				add(netip.AddrPortFrom(host.Unmap(), p.Port))
			}
		}
	}
	for _, p := range list {
		ip, err := netip.ParseAddr(p.Host)
		if err == nil && p.Kind != framing.PathName && harmless(ip.Unmap()) {
			add(netip.AddrPortFrom(ip.Unmap(), p.Port))
		}
	}
	return to
}

// harmless refuses what is nobody's own address, and what cannot be told from here: a
// link-local address of IPv6 means another machine on each interface.
func harmless(ip netip.Addr) bool {
	ip = carried(ip)
	return !ip.IsLoopback() && !ip.IsMulticast() && !ip.IsUnspecified() && !isMetadata(ip) &&
		!(ip.Is6() && ip.IsLinkLocalUnicast()) && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// mayCall tells whether a call can be the other side's: it comes from an address that it
// has told, or of IPv6 from the same network.
func (c *Climb) mayCall(from net.Addr) bool {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(c.targets(), func(a netip.AddrPort) bool {
		if ip.Is6() && a.Addr().Is6() {
			return netip.PrefixFrom(a.Addr(), 64).Masked().Contains(ip)
		}
		return ip == a.Addr()
	})
}

// portsChange tells in words whose NAT changes ports, which no punching gets through; ""
// if nothing shows that one does.
func (c *Climb) portsChange(theirs []framing.Path) string {
	here := c.seen().IsValid() && !c.keepsPort()
	there := slices.ContainsFunc(theirs, func(p framing.Path) bool {
		return p.Kind == framing.PathSeen && !slices.ContainsFunc(theirs, func(o framing.Path) bool {
			return o.Kind != framing.PathSeen && o.Port == p.Port
		})
	})
	switch {
	case here && there:
		return "both NATs change ports"
	case here:
		return "the NAT here changes ports"
	case there:
		return "the NAT there changes ports"
	}
	return ""
}
