//go:build !linux

package link

import (
	"net"
	"time"
)

// tune does nothing here: the heartbeat and the library's keepalive have to do.
func tune(net.Conn, time.Duration) {}
