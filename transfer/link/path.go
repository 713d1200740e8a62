package link

import "time"

// Path is what is known of the way that a stream's bytes take. Counters begin
// again with each connection.
type Path struct {
	// MinRTT is the shortest round trip seen, of the system or else of the
	// handshake of the link's first connection.
	MinRTT time.Duration

	// Known says that the system tells the rest.
	Known   bool
	RTT     time.Duration // at present; what it has beyond MinRTT, packets wait in queues
	Resent  uint64        // segments sent again
	Arrived uint64        // bytes that the other side's system has
	// Held is for how long not the network but the buffer of either side's socket
	// limited what is under way, and HeldHere the part of it that was the buffer of
	// this side.
	Held, HeldHere time.Duration
}

// longPath is the round trip from which a receiver opens its window from the start.
const longPath = 20 * time.Millisecond

// trip is the round trip of the connection: as the system has it, or else what the
// TLS handshake took.
func (c *channel) trip() time.Duration {
	p := Path{MinRTT: c.shook}
	readPath(c.raw.Conn, &p)
	return p.MinRTT
}

// Path asks the system about the connection of the stream.
func (s *Stream) Path() Path {
	p := Path{MinRTT: s.link.rtt}
	if c := s.bytes.conn(); c != nil {
		readPath(c.raw.Conn, &p)
	}
	return p
}

// Path asks the system about the connection of stream i, 0 <= i < NumStreams().
func (l *Link) Path(i int) Path { return l.Stream(i).Path() }

// ResistLoss has the link's connections, and those to come, take losses for what
// they are on a path that loses packets though nothing waits on it, in place of
// sending less after each. It tells whether this system can and allows it.
func (l *Link) ResistLoss() bool {
	if !mayResistLoss() {
		return false
	}
	l.resist.Store(true) // first, so that none that comes meanwhile is left out
	for _, s := range l.connected() {
		if c := s.bytes.conn(); c != nil && !resistLoss(c.raw.Conn) {
			return false
		}
	}
	return true
}

// Deepen gives the link's connections, and those to come, more room for what is
// under way than the system gives of itself. It tells whether the system did so.
func (l *Link) Deepen() (ok bool) {
	l.deep.Store(true) // first, as above
	for _, s := range l.connected() {
		if c := s.bytes.conn(); c != nil && deepen(c.raw.Conn) {
			ok = true
		}
	}
	return ok
}
