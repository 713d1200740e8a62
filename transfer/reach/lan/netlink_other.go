//go:build !linux

package lan

import "net/netip"

func bridgePorts() []int { return nil }

type neighbour struct {
	index int
	ip    netip.Addr
}

func neighbours() []neighbour { return nil }
