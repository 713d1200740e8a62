package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// makeEnd makes the network of one end: its name, the device in it, the address of
// this end, that of the other, and the size of packets. Where cubic is not in
// tcp_allowed_congestion_control, it stays what the system prefers.
const makeEnd = `
ip netns add "$1"
ip link set "$2" netns "$1"
ip -n "$1" addr add "$3" peer "$4" dev "$2"
ip -n "$1" link set "$2" mtu "$5" up
ip -n "$1" link set lo up
ip netns exec "$1" sh -c 'echo cubic >/proc/sys/net/ipv4/tcp_congestion_control' 2>/dev/null || true
ip netns exec "$1" cat /proc/sys/net/ipv4/tcp_congestion_control`

// emulate makes two network namespaces, which nobody else sees, and joins them by
// a link that this program carries packet by packet, since many kernels come
// without the netem queue. It needs root, ip of iproute2, and /dev/net/tun.
func emulate(ctx context.Context, l link) (n *network, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("an emulated link needs root")
	}
	n = &network{address: "10.99.0.2", origin: "10.99.0.1", link: l}
	var files []*os.File
	var spaces []string
	var carriers sync.WaitGroup
	n.close = func() error {
		var errs []error
		for _, s := range spaces {
			errs = append(errs, exec.Command("ip", "netns", "del", s).Run())
		}
		for _, f := range files {
			errs = append(errs, f.Close())
		}
		carriers.Wait()
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	for _, e := range []struct {
		name, address, peer string
		side                *[]string
	}{{"near", n.origin, n.address, &n.near}, {"far", n.address, n.origin, &n.far}} {
		device := fmt.Sprintf("fb%d%c", os.Getpid(), e.name[0]) // 15 bytes at most
		f, err := openTUN(device)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		space := fmt.Sprintf("ferry-bench-%d-%s", os.Getpid(), e.name)
		spaces = append(spaces, space)
		out, err := exec.CommandContext(ctx, "sh", "-ec", makeEnd, "sh", space, device, e.address, e.peer, fmt.Sprint(packetSize)).CombinedOutput()
		control := strings.TrimSpace(string(out))
		if err != nil {
			return nil, fmt.Errorf("making a network: %w: %q", err, control)
		}
		n.title = l.String() + ", " + control
		*e.side = []string{"ip", "netns", "exec", space}
	}
	for i, from := range files {
		carriers.Go(func() { l.carry(from, files[1-i], rand.New(rand.NewPCG(uint64(i), 0))) })
	}
	return n, nil
}

// openTUN makes a network device that gives its packets to whoever reads the
// file, and takes those that are written to it.
func openTUN(name string) (*os.File, error) {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	// struct ifreq of linux/if.h.
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:syscall.IFNAMSIZ-1], name)
	request.flags = syscall.IFF_TUN | syscall.IFF_NO_PI
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("making the network device %s: %w", name, errno), syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// listening tells whether somebody listens at a TCP port in the network of
// process pid. It reads the table of sockets, since some servers serve the first
// connection only, and since this program is not in an emulated network.
func listening(pid int, _, port string) bool {
	number, _ := strconv.Atoi(port)                      // our own
	local, listens := fmt.Sprintf(":%04X", number), "0A" // TCP_LISTEN
	for _, table := range []string{"tcp", "tcp6"} {
		// There may be no such process any more, and no IPv6.
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], local) && f[3] == listens {
				return true
			}
		}
	}
	return false
}

// hasChildren tells whether process pid has children that it has not waited for.
func hasChildren(pid int) bool {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	return err == nil && len(list) > 0
}
