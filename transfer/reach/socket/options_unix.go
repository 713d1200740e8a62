//go:build linux || darwin || freebsd || netbsd || openbsd

package socket

import (
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// sharesPort tells whether DialFrom dials from the port that is asked for.
const sharesPort = true

// openToDialling comes after bind, which has then failed if another listens there. From
// now on a socket with the same option may be bound to the port, which a listener of ours
// does not have when it is bound.
func openToDialling(ln *net.TCPListener) error {
	c, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	return control(c, func(fd uintptr) error {
		return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
}

// sharePort needs both: SO_REUSEADDR for what is left of earlier connections, and
// SO_REUSEPORT for the listener.
func sharePort(fd uintptr) error {
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// shareGroup: on Linux SO_REUSEPORT would spread packets over the sockets of one user. The
// systems from BSD need it.
func shareGroup(fd uintptr) error {
	if runtime.GOOS != "linux" && runtime.GOOS != "android" {
		return sharePort(fd)
	}
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
}
