package lan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"ferry/transfer/reach/socket"
)

const (
	groupPort  = 5353
	directPort = 33779 // UDP: to all of a subnet, and to single machines
	// farthest is the TTL of what is sent. What still has it has passed no router.
	farthest = 255
	// lookEvery is how often interfaces are looked at, and sockets that failed tried again.
	lookEvery = 3 * time.Second
	// readPause keeps a socket that fails from taking all of a processor.
	readPause = 100 * time.Millisecond
)

// group is the address of mDNS.
func group(family int) netip.Addr {
	if family == 4 {
		return netip.AddrFrom4([4]byte{224, 0, 0, 251})
	}
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0xfb})
}

// station has the sockets of a side, and keeps them as the interfaces are.
//
//  1. look lists the interfaces, opens what is not open, and joins the groups.
//  2. listen reads one socket, and gives handle what came from the same network.
//  3. send sends by one interface.
type station struct {
	self   Self
	ports  []int // that it listens on; 0 is one of its own, to ask from
	handle func(packet)
	over   chan struct{} // closed when it is to end
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	ended  bool
	socks  map[place]*sock
	errs   map[place]error // why a socket is not open
	broken error           // why the interfaces are not known
	faces  []face
	seen   map[string]*Interface
	order  []string // of seen
	heard  int
}

// place is a kind of socket.
type place struct{ family, port int }

// sock is one socket. Of four and six one is nil.
type sock struct {
	place
	conn   *net.UDPConn
	four   *ipv4.PacketConn
	six    *ipv6.PacketConn
	joined map[int]bool // by interface; guarded by the station
}

// packet is what came from the network of one of the interfaces.
type packet struct {
	raw  []byte
	from netip.AddrPort // with a zone if link-local
	to   netip.Addr     // not valid if the system does not tell
	by   face
	on   *sock
}

func newStation(self Self, ports []int, handle func(packet)) *station {
	return &station{
		self: self, ports: ports, handle: handle, over: make(chan struct{}),
		socks: make(map[place]*sock), errs: make(map[place]error), seen: make(map[string]*Interface),
	}
}

// look is called by one goroutine. A socket that cannot be opened keeps no other away.
func (s *station) look(ctx context.Context) {
	list, err := faces()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.broken = err
	if err == nil {
		s.faces = list
	}
	for _, family := range []int{4, 6} {
		var by []face
		for _, f := range s.faces {
			if f.has(family) {
				by = append(by, f)
				s.note(f.name)
			}
		}
		for _, port := range s.ports {
			at := place{family, port}
			if len(by) > 0 && s.socks[at] == nil {
				s.open(ctx, at)
			}
			if k := s.socks[at]; k != nil && port == groupPort {
				s.join(k, by)
			}
			if len(by) == 0 {
				delete(s.errs, at) // nobody misses it
			}
		}
	}
}

// note needs s.mu.
func (s *station) note(name string) *Interface {
	if s.seen[name] == nil {
		s.seen[name], s.order = &Interface{Name: name}, append(s.order, name)
	}
	return s.seen[name]
}

// open needs s.mu.
func (s *station) open(ctx context.Context, at place) {
	k, err := newSock(ctx, at)
	if err != nil {
		s.errs[at] = err
		return
	}
	delete(s.errs, at)
	s.socks[at] = k
	s.wg.Go(func() { s.listen(k) })
}

func newSock(ctx context.Context, at place) (*sock, error) {
	network, host := "udp4", netip.IPv4Unspecified()
	if at.family == 6 {
		network, host = "udp6", netip.IPv6Unspecified()
	}
	addr := netip.AddrPortFrom(host, uint16(at.port))
	var conn *net.UDPConn
	var err error
	if at.port == 0 {
		conn, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	} else {
		conn, err = socket.Shared(ctx, network, addr.String())
	}
	if err != nil {
		return nil, err
	}
	k := &sock{place: at, conn: conn, joined: make(map[int]bool)}
	// What a system cannot set or tell is done without: see packet and station.passes.
	if at.family == 4 {
		k.four = ipv4.NewPacketConn(conn)
		_ = errors.Join(k.four.SetControlMessage(ipv4.FlagTTL|ipv4.FlagInterface|ipv4.FlagDst, true),
			k.four.SetTTL(farthest), k.four.SetMulticastTTL(farthest), k.four.SetMulticastLoopback(true))
	} else {
		k.six = ipv6.NewPacketConn(conn)
		_ = errors.Join(k.six.SetControlMessage(ipv6.FlagHopLimit|ipv6.FlagInterface|ipv6.FlagDst, true),
			k.six.SetHopLimit(farthest), k.six.SetMulticastHopLimit(farthest), k.six.SetMulticastLoopback(true))
	}
	return k, nil
}

// join needs s.mu. An interface that went and came again has forgotten the group.
func (s *station) join(k *sock, by []face) {
	there := make(map[int]bool)
	for _, f := range by {
		there[f.index] = true
		if k.joined[f.index] {
			continue
		}
		to := &net.UDPAddr{IP: group(k.family).AsSlice()}
		at := &net.Interface{Index: f.index, Name: f.name}
		if k.four != nil {
			_ = k.four.LeaveGroup(at, to)
			s.note(f.name).Err = k.four.JoinGroup(at, to)
		} else {
			_ = k.six.LeaveGroup(at, to)
			s.note(f.name).Err = k.six.JoinGroup(at, to)
		}
		there[f.index] = s.seen[f.name].Err == nil
	}
	k.joined = there
}

// listen reads until the socket is closed.
func (s *station) listen(k *sock) {
	buf := make([]byte, mostBytes+1)
	for {
		p, index, ttl, err := k.read(buf)
		if err != nil {
			select {
			case <-s.over:
				return
			case <-time.After(readPause):
			}
			continue
		}
		if s.passes(&p, index, ttl) {
			s.handle(p)
		}
	}
}

// read waits for a packet. index and ttl are 0 if the system does not tell.
func (k *sock) read(buf []byte) (p packet, index, ttl int, err error) {
	var n int
	var from net.Addr
	var to net.IP
	if k.four != nil {
		var c *ipv4.ControlMessage
		if n, c, from, err = k.four.ReadFrom(buf); err == nil && c != nil {
			index, ttl, to = c.IfIndex, c.TTL, c.Dst
		}
	} else {
		var c *ipv6.ControlMessage
		if n, c, from, err = k.six.ReadFrom(buf); err == nil && c != nil {
			index, ttl, to = c.IfIndex, c.HopLimit, c.Dst
		}
	}
	if err != nil {
		return p, 0, 0, err
	}
	p = packet{raw: buf[:n], on: k}
	if u, ok := from.(*net.UDPAddr); ok {
		p.from = u.AddrPort()
	}
	if ip, ok := netip.AddrFromSlice(to); ok {
		p.to = ip.Unmap()
	}
	return p, index, ttl, nil
}

// passes finds the interface that p came by, and tells whether p is from its network.
func (s *station) passes(p *packet, index, ttl int) bool {
	ip := p.from.Addr().Unmap()
	if !ip.IsValid() || ttl != 0 && ttl != farthest {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faces {
		if index != 0 && index != f.index || !f.leads(ip.WithZone("")) {
			continue
		}
		ip = ip.WithZone("")
		if ip.Is6() && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(f.name)
		}
		p.by, p.from = f, netip.AddrPortFrom(ip, p.from.Port())
		return true
	}
	return false
}

// send sends by one interface. from may be not valid; otherwise it is the source.
func (s *station) send(k *sock, raw []byte, f face, from netip.Addr, to netip.AddrPort) error {
	var src net.IP
	if from.IsValid() {
		src = from.AsSlice()
	}
	addr := net.UDPAddrFromAddrPort(to)
	var err error
	if k.four != nil {
		_, err = k.four.WriteTo(raw, &ipv4.ControlMessage{IfIndex: f.index, Src: src}, addr)
	} else {
		_, err = k.six.WriteTo(raw, &ipv6.ControlMessage{IfIndex: f.index, Src: src}, addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.note(f.name)
	if i.Err = err; err == nil {
		i.Sent++
	}
	return err
}

// at returns a socket that is open, or nil.
func (s *station) at(family, port int) *sock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socks[place{family, port}]
}

// count notes that a packet was for this room.
func (s *station) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard++
}

func (s *station) report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Report{Heard: s.heard}
	for _, name := range s.order {
		r.Interfaces = append(r.Interfaces, *s.seen[name])
		r.Sent += s.seen[name].Sent
	}
	if s.broken != nil {
		r.Errs = append(r.Errs, s.broken)
	}
	for _, family := range []int{4, 6} {
		for _, port := range s.ports {
			if err := s.errs[place{family, port}]; err != nil {
				r.Errs = append(r.Errs, err)
			}
		}
	}
	return r
}

// close closes the sockets, and waits for those who read them. It may be called again.
func (s *station) close() {
	s.mu.Lock()
	if !s.ended {
		s.ended = true
		close(s.over)
		for _, k := range s.socks {
			_ = k.conn.Close()
		}
	}
	s.mu.Unlock()
	s.wg.Wait()
}
