//go:build faults && linux

package networks

import (
	"net"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const everyProtocol = 0x0300 // ETH_P_ALL in the order of the network

// rawSocket is a packet socket on an interface of m. It stays in the machine's namespace,
// whichever goroutine uses it.
func (m *machine) rawSocket(ifname string) int {
	m.r.Helper()
	type opened struct {
		fd  int
		err error
	}
	done := make(chan opened, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		fd, err := openRaw("/run/netns/"+m.name, ifname)
		done <- opened{fd, err}
	}()
	o := <-done
	must(m.r, o.err)
	return o.fd
}

func openRaw(ns, ifname string) (int, error) {
	at, err := unix.Open(ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(at)
	if err := unix.Setns(at, unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, everyProtocol)
	if err != nil {
		return 0, err
	}
	// Whoever reads looks now and then whether it is over.
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everyProtocol, Ifindex: i.Index})
	}
	return fd, err
}

// frame is what passed an interface.
type frame struct {
	at  time.Time
	raw []byte // from the Ethernet header on
	out bool   // sent by the machine itself
}

// frames calls each for what passes the interface, until the round ends.
func (m *machine) frames(ifname string, each func(f frame)) {
	m.r.Helper()
	fd := m.rawSocket(ifname)
	over := make(chan struct{})
	var wg sync.WaitGroup
	m.r.Cleanup(func() {
		close(over)
		wg.Wait()
		_ = unix.Close(fd)
	})
	wg.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := unix.Recvfrom(fd, buf, 0)
			select {
			case <-over:
				return
			default:
			}
			if err != nil {
				continue
			}
			link, ok := from.(*unix.SockaddrLinklayer)
			each(frame{time.Now(), append([]byte(nil), buf[:n]...), ok && link.Pkttype == unix.PACKET_OUTGOING})
		}
	})
}

// sniffer keeps what passes an interface.
type sniffer struct {
	mu  sync.Mutex
	all []frame
}

// sniff starts to keep what passes the interface.
func (m *machine) sniff(ifname string) *sniffer {
	m.r.Helper()
	s := &sniffer{}
	m.frames(ifname, func(f frame) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, f)
	})
	return s
}

// frames returns what was kept so far.
func (s *sniffer) frames() []frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]frame(nil), s.all...)
}

// ports are those of a UDP packet, of either family without options; ok is false for
// anything else. payload is what it carries.
func (f frame) udp() (from, to int, payload []byte, ok bool) {
	if len(f.raw) < 14 {
		return 0, 0, nil, false
	}
	kind, rest := int(f.raw[12])<<8|int(f.raw[13]), f.raw[14:]
	switch {
	case kind == 0x0800 && len(rest) >= 20 && rest[9] == unix.IPPROTO_UDP:
		rest = rest[min(len(rest), int(rest[0]&15)*4):]
	case kind == 0x86dd && len(rest) >= 40 && rest[6] == unix.IPPROTO_UDP:
		rest = rest[40:]
	default:
		return 0, 0, nil, false
	}
	if len(rest) < 8 {
		return 0, 0, nil, false
	}
	return int(rest[0])<<8 | int(rest[1]), int(rest[2])<<8 | int(rest[3]), rest[8:], true
}

// tcp tells of a TCP packet, of either family without options.
func (f frame) tcp() bool {
	if len(f.raw) < 14+20 {
		return false
	}
	switch int(f.raw[12])<<8 | int(f.raw[13]) {
	case 0x0800:
		return f.raw[14+9] == unix.IPPROTO_TCP
	case 0x86dd:
		return f.raw[14+6] == unix.IPPROTO_TCP
	}
	return false
}

// forward sends what comes in on one interface of m out on the others, after some
// milliseconds: a bridge with latency. It needs plain ends.
func (r *round) forward(m *machine, delay int, ifnames ...string) {
	r.Helper()
	out := make([]int, len(ifnames))
	for i, name := range ifnames {
		out[i] = m.rawSocket(name)
	}
	r.Cleanup(func() {
		for _, fd := range out {
			_ = unix.Close(fd)
		}
	})
	for i, name := range ifnames {
		queue := make(chan frame, 4096)
		var wg sync.WaitGroup
		wg.Go(func() {
			for f := range queue {
				if wait := time.Until(f.at.Add(time.Duration(delay) * time.Millisecond)); wait > 0 {
					<-time.After(wait)
				}
				for j, fd := range out {
					if j != i {
						_, _ = unix.Write(fd, f.raw) // a full queue loses it, as wires do
					}
				}
			}
		})
		// Cleanups run in the order of last to first: what reads ends before.
		r.Cleanup(func() { close(queue); wg.Wait() })
		m.frames(name, func(f frame) {
			if f.out {
				return
			}
			select {
			case queue <- f:
			default:
			}
		})
	}
}
