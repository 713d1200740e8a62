package link

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLimit is how much the kernel takes beyond what is in flight. What it
// has not taken can still be overtaken by a control frame's turn at the lock.
const unsentLimit = 128 << 10

// tune sets what the standard library cannot: TCP_USER_TIMEOUT as a backstop
// above the heartbeat, and TCP_NOTSENT_LOWAT. Both only help; a kernel or a
// connection that knows neither is as good.
func tune(c net.Conn, userTimeout time.Duration) {
	onSocket(c, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
}
