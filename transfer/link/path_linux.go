package link

import (
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lossControl is the congestion control that goes by the rate at which bytes
	// arrive and the round trip, and not by losses.
	lossControl = "bbr"
	// allowedControls lists what the administrator lets every process choose. The
	// kernel asks root for nothing, and loads for it what is not there; this asks.
	allowedControls = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
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
		p.Held = time.Duration(i.Rwnd_limited+i.Sndbuf_limited) * time.Microsecond
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
