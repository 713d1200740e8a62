package lan

import (
	"net"
	"net/netip"
	"slices"
)

// mostFaces bounds the interfaces that are asked: a socket may be in so many groups only.
const mostFaces = 16

// face is an interface that leads to a network.
type face struct {
	index int
	name  string
	nets  []netip.Prefix // its addresses, with the length of the prefix
}

// faces are the interfaces to search on, in the order of the system.
func faces() ([]face, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	ports := bridgePorts()
	var found []face
	for _, i := range list {
		const need = net.FlagUp | net.FlagRunning | net.FlagMulticast
		if i.Flags&need != need || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 || slices.Contains(ports, i.Index) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it is gone
		}
		f := face{index: i.Index, name: i.Name}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				f.nets = append(f.nets, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()))
			}
		}
		if len(f.nets) > 0 && len(found) < mostFaces {
			found = append(found, f)
		}
	}
	return found, nil
}

// has tells whether the interface has an address of a family.
func (f *face) has(family int) bool {
	return slices.ContainsFunc(f.nets, func(p netip.Prefix) bool { return familyOf(p.Addr()) == family })
}

// leads tells whether ip, which has no zone, is on the interface's network.
func (f *face) leads(ip netip.Addr) bool {
	if ip.Is6() && ip.IsLinkLocalUnicast() {
		return f.has(6)
	}
	return slices.ContainsFunc(f.nets, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// owns tells whether ip is an address of the interface.
func (f *face) owns(ip netip.Addr) bool {
	return slices.ContainsFunc(f.nets, func(p netip.Prefix) bool { return p.Addr() == ip })
}

// broadcasts are the addresses of all machines of each IPv4 subnet.
func (f *face) broadcasts() (list []netip.Addr) {
	for _, p := range f.nets {
		if !p.Addr().Is4() || p.Bits() > 30 {
			continue
		}
		all := p.Addr().As4()
		for bit := p.Bits(); bit < 32; bit++ {
			all[bit/8] |= 0x80 >> (bit % 8)
		}
		if ip := netip.AddrFrom4(all); !slices.Contains(list, ip) {
			list = append(list, ip)
		}
	}
	return list
}

func familyOf(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}

// Interface is what became of the questions on one interface.
type Interface struct {
	Name string
	Sent int   // packets
	Err  error // why the last one could not be sent; nil if it was
}

// Report is what was done so far, for people.
type Report struct {
	Interfaces []Interface // that were asked on, or listened on
	Sent       int         // packets
	Heard      int         // packets for this room
	Errs       []error     // what keeps some from being asked: of sockets, and of the list of interfaces
}
