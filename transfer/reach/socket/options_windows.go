package socket

import (
	"net"
	"syscall"
)

// sharesPort is false: SO_REUSEADDR of this system would give the port to anybody, and
// there is nothing else by which a port that listens could be dialled from.
const sharesPort = false

func openToDialling(*net.TCPListener) error { return nil }

func sharePort(uintptr) error { return nil }

// shareGroup: what is sent to a group reaches all sockets that share its port.
func shareGroup(fd uintptr) error {
	return syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
}
