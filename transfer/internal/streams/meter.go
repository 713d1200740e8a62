package streams

import (
	"time"

	"ferry/transfer/link"
)

// meter is what the looks so far say of the path.
type meter struct {
	before []link.Path   // of each stream, at the last look at which it was known
	seen   time.Duration // when the last look was
	least  time.Duration // the shortest round trip
	lost   bool          // anything, ever
	rate   float64       // average rate, bytes/s
	here   float64       // average share of the time that buffers of this side limit a stream on an empty path
}

// glimpse is what changed from one look to the next.
type glimpse struct {
	queue  time.Duration // how long packets wait on the way
	bytes  uint64        // arrived
	waited time.Duration // for which buffers limited the streams, of all together
	lost   bool          // something was
}

// take notes what changed since the last look.
func (m *meter) take(l Look) glimpse {
	first := len(m.before) == 0
	for len(m.before) < len(l.Paths) {
		m.before = append(m.before, link.Path{})
	}
	for i, p := range l.Paths {
		if p.Known && p.Arrived < m.before[i].Arrived {
			m.least = 0 // another connection, and perhaps another way
		}
	}
	var g glimpse
	var active int
	var trips, here time.Duration
	for i, p := range l.Paths {
		if !p.Known {
			continue
		}
		if m.least == 0 || p.MinRTT < m.least {
			m.least = p.MinRTT
		}
		was := m.before[i]
		if p.Arrived > was.Arrived || p.HeldHere > was.HeldHere {
			g.bytes += max(p.Arrived, was.Arrived) - was.Arrived
			active++
			trips += p.RTT
		}
		g.waited += max(0, p.Held-was.Held)
		here += max(0, p.HeldHere-was.HeldHere)
		g.lost = g.lost || p.Resent > was.Resent
		m.before[i] = p
	}
	if active > 0 {
		g.queue = trips/time.Duration(active) - m.least
	}
	if g.lost {
		m.lost = true
		m.here = 0 // what was lost fills the buffer too
	}
	since := l.At - m.seen
	m.seen = l.At
	if since <= 0 || active == 0 || first {
		return g // what came before the first look took a time that is not known
	}
	var share float64
	if m.isCalm(g.queue) {
		share = here.Seconds() / (since.Seconds() * float64(active))
	}
	weight := min(1, since.Seconds()/max(heldTrips*m.least, heldLeast).Seconds())
	m.here += weight * (share - m.here)
	rate := float64(g.bytes) / since.Seconds()
	if m.rate == 0 {
		m.rate = rate
	}
	m.rate += weight * (rate - m.rate)
	return g
}

// isCalm tells whether nothing waits in queues.
func (m *meter) isCalm(queue time.Duration) bool { return queue <= m.least/16+4*time.Millisecond }

// stretch is some time whose looks are judged together.
type stretch struct {
	from   time.Duration // when it began; in the future while streams settle
	looks  int
	calm   int           // looks at which nothing waited in queues
	backed int           // looks at which there was more to send
	lossy  int           // looks before which something was lost
	since  time.Duration // when the first of them was
	apart  bool          // and another one long after it
	bytes  uint64        // arrived
	waited time.Duration // for which buffers limited the streams, of all together
}

// begin starts a stretch.
func (s *stretch) begin(at time.Duration) {
	*s = stretch{from: at, since: s.since}
}

// take adds what was seen, on a path whose shortest round trip is least.
func (s *stretch) take(g *glimpse, at, least time.Duration) {
	s.bytes += g.bytes
	s.waited += g.waited
	if !g.lost {
		return
	}
	if s.lossy == 0 {
		s.since = at
	}
	s.apart = s.apart || at-s.since > apartTrips*least
	s.lossy++
}

// look counts a look.
func (s *stretch) look(calm, backed bool) {
	s.looks++
	if calm {
		s.calm++
	}
	if backed {
		s.backed++
	}
}

// share is the share of the looks that n of them are.
func (s *stretch) share(n int) float64 { return float64(n) / float64(s.looks) }
