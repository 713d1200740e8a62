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

// Addresses of the ends, each in a network of its own that nobody else sees.
const (
	nearAddress = "10.99.0.1"
	farAddress  = "10.99.0.2"
)

// emulate makes two network namespaces and joins them by a link that this
// program carries packet by packet, since many kernels come without the netem
// queue. It needs root, ip of iproute2, and /dev/net/tun. Sockets there start
// with cubic if the system lets them, as on most machines.
func emulate(ctx context.Context, l link) (n *network, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("an emulated link needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("ferry-bench-%d-", os.Getpid())
	device := fmt.Sprintf("fb%d", os.Getpid()) // 15 bytes at most, with the letter
	ends := []struct{ space, device, address, peer string }{
		{name + "near", device + "n", nearAddress, farAddress},
		{name + "far", device + "f", farAddress, nearAddress},
	}
	var files []*os.File
	var spaces []string
	var carriers sync.WaitGroup
	closeAll := func() error {
		var errs []error
		for _, s := range spaces {
			errs = append(errs, ip("netns", "del", s))
		}
		for _, f := range files {
			errs = append(errs, f.Close())
		}
		carriers.Wait()
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()

	for _, e := range ends {
		f, err := openTUN(e.device)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		if err := ip("netns", "add", e.space); err != nil {
			return nil, err
		}
		spaces = append(spaces, e.space)
		for _, args := range [][]string{
			{"link", "set", e.device, "netns", e.space},
			{"-n", e.space, "addr", "add", e.address, "peer", e.peer, "dev", e.device},
			{"-n", e.space, "link", "set", e.device, "mtu", strconv.Itoa(packetSize), "up"},
			{"-n", e.space, "link", "set", "lo", "up"},
		} {
			if err := ip(args...); err != nil {
				return nil, err
			}
		}
	}
	control, err := congestionControl(ctx, spaces)
	if err != nil {
		return nil, err
	}
	for i, from := range files {
		to := files[1-i]
		carriers.Go(func() { l.carry(from, to, rand.New(rand.NewPCG(uint64(i), 0))) })
	}
	side := func(space string) []string { return []string{"ip", "netns", "exec", space} }
	return &network{
		title: l.String() + ", " + control, near: side(spaces[0]), far: side(spaces[1]),
		address: farAddress, origin: nearAddress, link: l, close: closeAll,
	}, nil
}

// congestionControl asks for cubic and says what came of it.
func congestionControl(ctx context.Context, spaces []string) (string, error) {
	const file = "/proc/sys/net/ipv4/tcp_congestion_control"
	for _, s := range spaces {
		// Refused where cubic is not in tcp_allowed_congestion_control.
		_ = exec.CommandContext(ctx, "ip", "netns", "exec", s, "sh", "-c", "echo cubic 2>&1 >"+file).Run()
	}
	out, err := exec.CommandContext(ctx, "ip", "netns", "exec", spaces[0], "cat", file).Output()
	return strings.TrimSpace(string(out)), err
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

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %q", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
