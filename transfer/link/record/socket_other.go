//go:build !linux

package record

import "net"

// rawSocket is what only Linux has.
type rawSocket struct {
	net.Conn
	conn *net.TCPConn
}

func rawOf(net.Conn) *rawSocket { return nil }
