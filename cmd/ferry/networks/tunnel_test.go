//go:build faults && linux

package networks

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// tunnelRounds are deliveries on a LAN between machines of which one or both have a tunnel
// of a VPN: point to point, an address alone in its subnet. What a search sends is for the
// LAN, and nothing of it goes into the tunnel.
func tunnelRounds(f *family) {
	for _, both := range []bool{false, true} {
		name := map[bool]string{false: "one_side", true: "both_sides"}[both]
		f.play("tunnel_"+name, func(r *round) { besideTunnels(r, both, "", 0) })
		f.play("tunnel_takes_all_"+name, func(r *round) { besideTunnels(r, both, "default", 0) })
	}
	// A VPN that takes one family of the LAN itself leaves the other one.
	f.play("tunnel_takes_the_LAN", func(r *round) { besideTunnels(r, false, "192.0.2.0/24", 0) })
	f.play("tunnel_takes_the_whole_LAN", func(r *round) {
		n := r.lan(false)
		n.b.without(6)
		n.d.without(6)
		n.b.tunnel("tun0", "203.0.113.7/32").takes("192.0.2.0/24")
		nobody(r, n.b, n.d)
		nobody(r, n.d, n.b)
	})
	f.play("tunnel_without_IPv6", func(r *round) { besideTunnels(r, true, "default", 6) })
	f.play("tunnel_comes", tunnelComes)
}

// besideTunnels delivers in both directions. The tunnels take what goes to route, if that is
// not empty.
func besideTunnels(r *round, both bool, route string, without int) {
	n := r.lan(false)
	tunnels := []*tunnel{n.b.tunnel("tun0", "203.0.113.7/32", "2001:db8:7::7/128")}
	if both {
		tunnels = append(tunnels, n.d.tunnel("tun0", "203.0.113.8/32", "2001:db8:7::8/128"))
	}
	for _, t := range tunnels {
		if route != "" {
			t.takes(route)
		}
		if without != 0 {
			t.on.without(without)
		}
	}
	found(r, n.b, n.d)
	found(r, n.d, n.b)
	for _, t := range tunnels {
		t.leaked(r, route == "" || route == "default")
	}
}

// tunnelComes: the VPN is switched on, and off again, while one side looks for the other.
func tunnelComes(r *round) {
	n := r.lan(false)
	p := r.pair(n.b, n.d, code)
	send := p.send()
	if _, ok := send.says(`"looking"`); !ok {
		r.Fatalf("it does not look: %+v", send.wait())
	}
	t := n.b.tunnel("tun0", "203.0.113.7/32", "2001:db8:7::7/128")
	t.takes("default")
	met(r, send, p.recv(), p)
	t.leaked(r, true)
}

// tunnel is the interface of a VPN whose other end is this test.
type tunnel struct {
	on   *machine
	name string

	mu      sync.Mutex
	packets [][]byte // from the header of IP on
}

// tunnel makes one on the machine. It is there until the round ends.
func (m *machine) tunnel(name string, addrs ...string) *tunnel {
	m.r.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		m.r.leave("there is no /dev/net/tun")
	}
	t := &tunnel{on: m, name: name}
	f := t.open()
	for _, a := range addrs {
		args := []string{"addr", "add", a, "dev", name}
		if strings.Contains(a, ":") {
			args = append(args, "nodad")
		}
		m.ip(args...)
	}
	m.ip("link", "set", name, "up")
	var reads sync.WaitGroup
	reads.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			t.mu.Lock()
			t.packets = append(t.packets, append([]byte(nil), buf[:n]...))
			t.mu.Unlock()
		}
	})
	m.r.Cleanup(func() { _ = f.Close(); reads.Wait() })
	return t
}

// open opens the end of the tunnel that a VPN has.
func (t *tunnel) open() *os.File {
	t.on.r.Helper()
	type opened struct {
		fd  int
		err error
	}
	done := make(chan opened, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		fd, err := openTunnel("/run/netns/"+t.on.name, t.name)
		done <- opened{fd, err}
	}()
	o := <-done
	must(t.on.r, o.err)
	return os.NewFile(uintptr(o.fd), t.name)
}

func openTunnel(ns, name string) (int, error) {
	at, err := unix.Open(ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(at)
	if err := unix.Setns(at, unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("making %s: %w", name, err)
	}
	return fd, nil
}

// takes has the tunnel take what goes to route, before all other ways: as VPNs do, by a table
// of routes that is asked first. "default" leaves the networks that the machine is on, as
// most VPNs do.
func (t *tunnel) takes(route string) {
	t.on.r.Helper()
	if route == "default" {
		t.on.ip("rule", "add", "priority", "90", "lookup", "main", "suppress_prefixlength", "0")
		t.on.ip("-6", "rule", "add", "priority", "90", "lookup", "main", "suppress_prefixlength", "0")
		t.on.ip("-6", "route", "add", "default", "dev", t.name, "table", "77")
		t.on.ip("-6", "rule", "add", "priority", "100", "lookup", "77")
	}
	t.on.ip("route", "add", route, "dev", t.name, "table", "77")
	t.on.ip("rule", "add", "priority", "100", "lookup", "77")
}

// leaked checks that no question or answer of a search went into the tunnel; with dials, no
// connection either.
func (t *tunnel) leaked(tb testing.TB, dials bool) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.packets {
		f := frame{raw: append(make([]byte, 14), p...)}
		f.raw[12], f.raw[13] = 0x08, 0x00
		if p[0]>>4 == 6 {
			f.raw[12], f.raw[13] = 0x86, 0xdd
		}
		if _, to, payload, ok := f.udp(); ok && (to == 5353 || to == 33779) {
			tb.Errorf("a packet of a search to port %d went into the tunnel: %q", to, payload)
		}
		if dials && f.tcp() {
			tb.Errorf("a connection went into the tunnel: %x", p)
		}
	}
}
