//go:build !linux

package main

import "net"

// handedOver is for systems with systemd.
func handedOver() (net.Listener, error) { return nil, nil }

// tellSystem likewise.
func tellSystem(string) {}
