package link

import (
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lossControl is the congestion control that goes by the rate at which bytes
	// arrive and the round trip, and not by losses.
	lossControl = "bbr"
	// promptControl is one that sets no timer for what it sends. Every kernel has it, and
	// lets every process choose it.
	promptControl = "reno"
	// allowedControls lists the controls that the administrator lets every process choose.
	// The kernel does not hold root to that list, and loads missing modules for root; ferry
	// keeps to the list as root too.
	allowedControls = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
	// largestAsked is how large a buffer any process may ask for, in bytes of content.
	largestAsked = "/proc/sys/net/core/wmem_max"
	// largestGiven ends in the size to which the kernel grows a buffer by itself, in bytes,
	// its own bookkeeping included.
	largestGiven = "/proc/sys/net/ipv4/tcp_wmem"
	// deepBuffer is how much content a deep buffer is asked for, in bytes: about what
	// a stream keeps to be sent again. The kernel doubles it for what its own
	// bookkeeping takes.
	deepBuffer = 8 << 20
	// wideWindow is the window that a slow start fills before the kernel widens it by
	// itself, in bytes. Half of tcp_rmem is the most that there is.
	wideWindow = 4 << 20
)

// onSocket calls f with the file descriptor of c, if it has one.
func onSocket(c net.Conn, f func(fd int)) {
	tc, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails on a closed connection only
}

// readPath fills in what TCP_INFO says.
func readPath(c net.Conn, p *Path) {
	onSocket(c, func(fd int) {
		i, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || i.Min_rtt == 0 || i.Min_rtt == 1<<32-1 {
			return // no round trip was measured yet
		}
		p.Known = true
		p.MinRTT = time.Duration(i.Min_rtt) * time.Microsecond
		p.RTT = time.Duration(i.Rtt) * time.Microsecond
		p.Resent, p.Arrived = uint64(i.Total_retrans), i.Bytes_acked
		p.HeldHere = time.Duration(i.Sndbuf_limited) * time.Microsecond
		p.Held = p.HeldHere + time.Duration(i.Rwnd_limited)*time.Microsecond
	})
}

// readPacing asks what lossControl knows of c, if that controls it.
func readPacing(c net.Conn) (p pacing, ok bool) {
	onSocket(c, func(fd int) {
		own, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		if err != nil || own != lossControl {
			return
		}
		i, err := unix.GetsockoptTCPCCBBRInfo(fd, unix.IPPROTO_TCP, unix.TCP_CC_INFO)
		if err != nil {
			return
		}
		p, ok = pacing{rate: uint64(i.Bw_hi)<<32 | uint64(i.Bw_lo), gain: i.Pacing_gain}, true
	})
	return p, ok
}

// limitPace has c send at most that many bytes a second; 0 is no limit.
func limitPace(c net.Conn, limit uint64) {
	rate := -1 // none, to every kernel
	if limit > 0 && limit <= math.MaxInt32 {
		rate = int(limit)
	}
	onSocket(c, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, rate)
	})
}

// mayResistLoss tells whether lossControl is there and allowed.
func mayResistLoss() bool {
	list, err := os.ReadFile(allowedControls)
	return err == nil && slices.Contains(strings.Fields(string(list)), lossControl)
}

// resistLoss moves a connection to lossControl.
func resistLoss(c net.Conn) (ok bool) {
	onSocket(c, func(fd int) {
		ok = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, lossControl) == nil
	})
	return ok
}

// unpace has a connection within the machine send at once what there is. lossControl spreads
// it over time instead, by a timer for each segment: that guards buffers on the way, and
// here there are none (measured: 5 % of the CPU of both sides, 0.94 of the time).
func unpace(c net.Conn) {
	onSocket(c, func(fd int) {
		own, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		if err == nil && own == lossControl {
			_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, promptControl)
		}
	})
}

// deepen asks for a buffer of deepBuffer, or of the most that this user may have. The
// kernel no longer sizes a buffer that it was asked for, so deepen asks for nothing where
// the kernel gives as much by itself.
func deepen(c net.Conn) (ok bool) {
	onSocket(c, func(fd int) {
		before, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
		given := max(before, lastNumber(largestGiven))
		if err != nil || given >= 2*deepBuffer {
			return
		}
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, deepBuffer) == nil {
			ok = true
			return
		}
		most := min(deepBuffer, lastNumber(largestAsked))
		ok = 2*most > given &&
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, most) == nil
	})
	return ok
}

// openWindow has the kernel offer the other side of c a window of up to wideWindow
// from the start. By itself it begins with 64 KiB, and may take three round trips to
// see that more is wanted. Asking for a low-water mark makes room for it and leaves
// the buffer's size to the kernel as before, which asking for a buffer does not.
func openWindow(c net.Conn) {
	onSocket(c, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, wideWindow)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, 1)
	})
}

// lastNumber is the last number in a file of the kernel's, 0 if there is none.
func lastNumber(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		return 0
	}
	return n
}
