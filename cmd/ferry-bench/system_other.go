//go:build !linux

package main

import (
	"context"
	"errors"
	"net"
)

// listening tells whether somebody accepts connections at host and port.
func listening(_ int, host, port string) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), serverPoll)
	return err == nil && conn.Close() == nil
}

// hasChildren is not known here.
func hasChildren(int) bool { return false }

func emulate(context.Context, link) (*network, error) {
	return nil, errors.New("links are emulated on Linux only")
}
