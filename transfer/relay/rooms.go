package relay

import (
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"ferry/framing"
)

// firstLate is the least number that is allocated in the time of quietStart.
const firstLate = 100

// room is one that somebody holds, or that somebody seeks.
type room struct {
	key      [16]byte
	waiting  []*call       // in the order in which they came
	carried  *atomic.Int64 // bytes, in both directions
	passes   [][16]byte    // calls that were joined, the oldest first
	guesses  []guess       // short links, the oldest first
	held     bool          // somebody has claimed it, and what follows holds
	ticket   [32]byte      // whose bearer may claim it again
	instance [8]byte       // told to seekers
	number   uint32        // allocated; 0: chosen by the listener
	source   netip.Prefix  // that it counts for
	control  id            // 0: the listener has gone, since left
	left     time.Time
}

// guess is a link that was over soon.
type guess struct {
	source netip.Prefix
	at     time.Time
}

// guessed notes that a link of a stranger was over soon. If the room is burnt, that was
// one of those who did it.
func (r *room) guessed(source netip.Prefix, now time.Time) {
	const most = 16
	r.guesses = append(r.guesses, guess{source, now})
	if n := len(r.guesses); n > most {
		r.guesses = slices.Delete(r.guesses, 0, n-most)
	}
}

// claim gives a room to a listener, or gives it back.
func (c *core) claim(now time.Time, p peer, m framing.Claim) {
	if c.draining {
		c.no(p.id, framing.CodeGaveUp, time.Second)
		return
	}
	r := c.tickets[m.Ticket]
	if r != nil && (m.Allocate || r.key == m.Room) {
		c.reclaim(p, r)
	} else {
		if r = c.enter(now, p, &m); r == nil {
			return
		}
		r.held, r.ticket, r.source = true, m.Ticket, p.source
		c.tickets[m.Ticket] = r
		c.source(now, p.source).parked++
	}
	r.control, r.instance = p.id, m.Instance
	c.controls[p.id] = r
	said := framing.Claimed{Number: r.number, Keep: uint32(keepTime / time.Second), Seen: framing.SeenAt(p.seen)}
	c.say(p.id, framing.TypeClaimed, said.Append(nil))
	for _, k := range r.waiting {
		c.wait(now, k)
	}
	c.knock(now, r)
}

// reclaim sends the listener's older connection away, which may be broken without that
// anybody knows.
func (c *core) reclaim(p peer, r *room) {
	if r.control == 0 {
		return
	}
	c.no(r.control, framing.CodeVanished, 0)
	delete(c.controls, r.control)
	for _, k := range r.waiting {
		k.knocked = time.Time{}
	}
}

// enter finds a room that nobody holds, within the limits. It returns nil if the listener
// was refused.
func (c *core) enter(now time.Time, p peer, m *framing.Claim) *room {
	r := c.rooms[m.Room]
	if c.tickets[m.Ticket] == nil && r != nil && r.held && r.control == 0 && r.source == p.source {
		c.free(now, r) // a listener that was started again, most likely: it has lost its ticket
		r = c.rooms[m.Room]
	}
	if c.tickets[m.Ticket] != nil || !m.Allocate && r != nil && r.held { // a ticket of another room, a room of another ticket
		c.no(p.id, framing.CodeLocked, 0)
		return nil
	}
	if !c.space(now, p.source) {
		c.no(p.id, framing.CodeBusy, 30*time.Second)
		return nil
	}
	key, number := m.Room, uint32(0)
	if m.Allocate {
		if key, number = c.allocate(now, p.token); number == 0 {
			c.no(p.id, framing.CodeBusy, 30*time.Second)
			return nil
		}
	}
	r = c.room(key)
	r.number = number
	return r
}

// space makes room for one more, if it can: rooms that only wait for their listeners give
// way, those of the same source first.
func (c *core) space(now time.Time, from netip.Prefix) bool {
	if c.source(now, from).parked >= c.limits.PerSource && !c.freeOldest(now, from) {
		return false
	}
	return len(c.tickets) < c.limits.Rooms || c.freeOldest(now, netip.Prefix{})
}

// freeOldest frees the room whose listener has been gone for longest. from is the source
// of the room, if it is valid.
func (c *core) freeOldest(now time.Time, from netip.Prefix) bool {
	var oldest *room
	for _, r := range c.tickets {
		if r.control == 0 && (!from.IsValid() || r.source == from) && (oldest == nil || r.left.Before(oldest.left)) {
			oldest = r
		}
	}
	if oldest != nil {
		c.free(now, oldest)
	}
	return oldest != nil
}

// allocate returns a free room with the shortest number, random among those of the same
// length. Half of the numbers of a length stay free: then one is found soon, and who
// guesses a number meets nobody as often as not. A room that somebody seeks is not free:
// nobody can know yet what the number will be.
func (c *core) allocate(now time.Time, token []byte) (key [16]byte, number uint32) {
	first := uint32(1)
	if now.Sub(c.started) < quietStart {
		first = firstLate
	}
	const tries = 64
	for ; first <= framing.MaxRoomNumber/10; first *= 10 {
		used := 0
		for _, r := range c.tickets {
			if r.number >= first && r.number < 10*first {
				used++
			}
		}
		if 2*uint32(used) >= 9*first {
			continue
		}
		for range tries {
			number = first + c.below(9*first)
			key = framing.RelayRoom(token, strconv.FormatUint(uint64(number), 10))
			if c.rooms[key] == nil {
				return key, number
			}
		}
	}
	return [16]byte{}, 0
}

// room returns the room with that key, made if there is none.
func (c *core) room(key [16]byte) *room {
	r := c.rooms[key]
	if r == nil {
		r = &room{key: key, carried: new(atomic.Int64)}
		c.rooms[key] = r
	}
	return r
}

// leave gives up the room that a connection holds.
func (c *core) leave(now time.Time, who id, code framing.Code) {
	r := c.controls[who]
	if r == nil {
		return
	}
	delete(c.controls, who)
	if code == framing.CodeCodeRefused {
		c.burn(now, r)
	}
	c.free(now, r)
}

// leaveAlone keeps the room of a listener that has gone, for its ticket and its source.
func (c *core) leaveAlone(now time.Time, r *room) {
	r.control, r.left = 0, now
	for _, k := range r.waiting {
		k.knocked = time.Time{}
		c.wait(now, k)
	}
}

// free ends that somebody holds the room. Those who seek it go on waiting.
func (c *core) free(now time.Time, r *room) {
	delete(c.tickets, r.ticket)
	c.source(now, r.source).parked--
	// Links of the room may go on, and keep what they count.
	fresh := &room{key: r.key, waiting: r.waiting, carried: new(atomic.Int64)}
	delete(c.rooms, r.key)
	if len(fresh.waiting) == 0 {
		return
	}
	c.rooms[r.key] = fresh
	for _, k := range fresh.waiting {
		k.room, k.knocked, k.further = fresh, time.Time{}, false
		c.wait(now, k)
	}
}
