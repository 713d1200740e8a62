//go:build !linux

package link

import "net"

// readPath knows nothing here.
func readPath(net.Conn, *Path) {}

func readPacing(net.Conn) (pacing, bool) { return pacing{}, false }

func limitPace(net.Conn, uint64) {}

func mayResistLoss() bool { return false }

func resistLoss(net.Conn) bool { return false }

func unpace(net.Conn) {}

func deepen(net.Conn) bool { return false }

// openWindow leaves it to the system here.
func openWindow(net.Conn) {}
