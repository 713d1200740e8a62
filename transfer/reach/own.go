package reach

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Own returns the addresses to give to people for a listener on at, the likeliest first,
// as rank has them. A listener on one address has that one.
func Own(at net.Addr) []netip.AddrPort {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return nil
	}
	ip, port := tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port()
	if ip.IsValid() && !ip.IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(ip.WithZone(""), port)}
	}
	m := thisMachine()
	ips := m.rank()
	if ip.Is4() {
		ips = m.rank4() // a socket on [::] takes both families
	}
	if len(ips) == 0 {
		ips = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	list := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		list[i] = netip.AddrPortFrom(ip, port)
	}
	return list
}

// Callable returns the addresses that another machine may dial this one by, on the
// default port.
func Callable() []netip.AddrPort {
	list := Own(&net.TCPAddr{Port: DefaultPort})
	return slices.DeleteFunc(list, func(a netip.AddrPort) bool { return a.Addr().IsLoopback() })
}

// thisMachine asks the system. What it does not tell is left out: that is no reason not
// to listen.
func thisMachine() machine {
	var m machine
	list, err := net.Interfaces()
	if err != nil {
		return m
	}
	passing := passingAddrs()
	for _, i := range list {
		own := netface{
			Name: i.Name, Running: i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
			Loopback: i.Flags&net.FlagLoopback != 0, Tunnel: i.Flags&net.FlagPointToPoint != 0, Bridge: isBridge(i.Name),
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			ip := p.Addr().Unmap()
			own.Addrs = append(own.Addrs, ip)
			if slices.Contains(passing, ip) {
				own.Passing = append(own.Passing, ip)
			}
		}
		m.Interfaces = append(m.Interfaces, own)
	}
	m.Default4, m.Default6 = wayOut("udp4", sink4), wayOut("udp6", sink6)
	return m
}

// The sinks of the DNS for addresses that nobody has (RFC 7535): they are outside of any
// network that somebody may be on. Nothing is sent to them.
const (
	sink4 = "192.31.196.1:53"
	sink6 = "[2001:4:112::1]:53"
)

// wayOut is the address that the system would use on its way to a place outside. To
// connect a UDP socket sends no packet.
func wayOut(network, to string) netip.Addr {
	conn, err := net.Dial(network, to)
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	udp, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return udp.AddrPort().Addr().Unmap()
}

// CheckZones refuses an address whose zone is no interface of this machine: often it is
// that of the machine that printed it.
func CheckZones(list []Address) error {
	for _, a := range list {
		zone := a.number().Zone()
		if zone == "" {
			continue
		}
		interfaces, err := net.Interfaces()
		if err != nil {
			return nil // the system will tell
		}
		var names []string
		for _, i := range interfaces {
			if i.Name == zone || fmt.Sprint(i.Index) == zone {
				names = nil
				break
			}
			if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
				names = append(names, i.Name)
			}
		}
		if len(names) > 0 {
			return fmt.Errorf("%q names an interface that this machine does not have: it has %s", a.Host, strings.Join(names, ", "))
		}
	}
	return nil
}
