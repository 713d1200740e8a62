package link

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Path is what is known of the way that a stream's bytes take. Counters begin again with
// each connection.
type Path struct {
	// MinRTT is the shortest round trip seen, of the system or else of the handshake of
	// the link's first connection.
	MinRTT time.Duration

	// Known says that the system tells the rest.
	Known   bool
	RTT     time.Duration // at present; what it has beyond MinRTT, packets wait in queues
	Resent  uint64        // segments sent again
	Arrived uint64        // bytes that the other side's system has
	// Held is for how long not the network but the buffer of either side's socket limited
	// what is under way, and HeldHere the part of it that was the buffer of this side.
	Held, HeldHere time.Duration
}

// longPath is the round trip from which a receiver opens its window from the start.
const longPath = 20 * time.Millisecond

// sockets is what the connections of a link ask of the system. Any goroutine may use it.
type sockets struct {
	resist atomic.Bool // to use lossControl: see Link.ResistLoss
	deep   atomic.Bool // to have deep buffers: see Link.Deepen
}

// tune has the connection of a ladder, which is proven, serve a link with this timeout.
func (s *sockets) tune(c *ladder, timeout time.Duration, own Role) error {
	conn := c.raw.Conn
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clearing the deadline: %w", err)
	}
	tune(conn, timeout+userTimeLimit)
	switch {
	case s.resist.Load():
		resistLoss(conn) // it may have come to be forbidden
	case within(conn):
		unpace(conn)
	}
	if s.deep.Load() {
		deepen(conn)
	}
	if own == Receiver && c.trip() >= longPath {
		openWindow(conn)
	}
	return nil
}

// within tells whether a connection of TCP does not leave the machine.
func within(c net.Conn) bool {
	own, ok := c.LocalAddr().(*net.TCPAddr)
	other, ok2 := c.RemoteAddr().(*net.TCPAddr)
	return ok && ok2 && own.IP.Equal(other.IP)
}
