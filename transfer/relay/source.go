package relay

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"
)

// source is what is known of one network: an IPv4 address, or the /64 of an IPv6 address.
type source struct {
	parked  int         // rooms that it holds, and seekers that wait
	links   int         // joined connections
	asked   bucket      // first SEEKs
	shaken  bucket      // handshakes of TLS
	burns   []time.Time // rooms that it helped to burn, in burntWindow
	refused time.Time   // until when it may not seek
}

// prefixOf is the network that an address counts for.
func prefixOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // not valid for the zero address, which is a source as well
	return p
}

func (c *core) source(now time.Time, p netip.Prefix) *source {
	s := c.sources[p]
	if s == nil {
		s = new(source)
		c.sources[p] = s
	}
	return s
}

// bucket counts what a source may do at a rate, after a burst.
type bucket struct {
	level float64
	at    time.Time // when level was right
}

// take counts one more, and says whether it may be.
func (b *bucket) take(now time.Time, burst, rate float64) bool {
	b.drip(now, rate)
	if b.level > burst-1 {
		return false
	}
	b.level++
	return true
}

// drip brings the level up to date, and returns it.
func (b *bucket) drip(now time.Time, rate float64) float64 {
	b.level = max(0, b.level-rate*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	return b.level
}

// burnt counts a room that the source helped to burn.
func (s *source) burnt(now time.Time) {
	s.burns = slices.DeleteFunc(append(s.burns, now), func(t time.Time) bool { return now.Sub(t) >= burntWindow })
	if len(s.burns) >= burntRooms {
		s.refused = now.Add(burntWindow)
	}
}

// forgettable is whether nothing about the source matters any more.
func (s *source) forgettable(now time.Time) bool {
	s.burns = slices.DeleteFunc(s.burns, func(t time.Time) bool { return now.Sub(t) >= burntWindow })
	return s.parked == 0 && s.links == 0 && s.asked.drip(now, seekRate) == 0 && s.shaken.drip(now, shakeRate) == 0 && len(s.burns) == 0 && !now.Before(s.refused)
}

// mark stands for a source towards listeners. It is made with a key that lives for a day
// and is known here only, so that a mark tells no address.
func (c *core) mark(now time.Time, p netip.Prefix) (mark [4]byte) {
	if day := now.Unix() / (24 * 60 * 60); day != c.markDay {
		c.markDay, c.markKey = day, c.bytes16()
	}
	text, _ := p.MarshalText() // does not fail
	sum := sha256.Sum256(append(c.markKey[:], text...))
	return [4]byte(sum[:4])
}
