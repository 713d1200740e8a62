package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
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
		carriers.Go(func() { l.carry(from, files[1-i], &n.carried, rand.New(rand.NewPCG(uint64(i), 0))) })
	}
	return n, nil
}

// openTUN makes a network device that gives its packets to whoever reads the
// file, and takes those that are written to it.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the network device %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// peakOf is the peak memory in bytes of an ended process and of those it waited
// for, whichever was larger. It is no less than what this program used when it
// started that process: exec carries the old figure over.
func peakOf(p *os.ProcessState) int64 { return int64(p.SysUsage().(*syscall.Rusage).Maxrss) << 10 }

// ownPeak is the peak memory of this program in bytes.
func ownPeak() int64 {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage) // cannot fail with these arguments
	return int64(usage.Maxrss) << 10
}

// group makes cmd the head of a process group, so that what it starts can be
// ended with it.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// end asks a process and what it started to end, or makes them end if hard is true.
func end(p *os.Process, hard bool) error {
	s := unix.SIGTERM
	if hard {
		s = unix.SIGKILL
	}
	err := unix.Kill(-p.Pid, s)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// settle has what earlier runs left in memory written to the file system of a folder, so
// that the next one does not pay for it. What others wrote elsewhere is not waited for.
func settle(dir string) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_ = unix.Syncfs(fd)
	_ = unix.Close(fd)
}

// arrived is how many bytes of a file are there: not the holes of one that got
// its size first, nor what is only reserved behind its end.
func arrived(info fs.FileInfo) int64 {
	return min(info.Size(), int64(info.Sys().(*syscall.Stat_t).Blocks)*512)
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

// processor is the name of the processor, "" where the system does not tell.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
