package relay

import (
	"net/netip"
	"slices"
	"time"

	"ferry/framing"
)

// seek has a dialler wait until the room's listener takes its call.
func (c *core) seek(now time.Time, p peer, m framing.Seek) {
	if c.draining {
		c.no(p.id, framing.CodeGaveUp, time.Second)
		return
	}
	k := &call{seeker: p, since: now}
	if r := c.rooms[m.Room]; r != nil && r.held && slices.Contains(r.passes, m.Call) {
		k.pass, k.further = m.Call, true
	}
	switch s := c.source(now, p.source); {
	case k.further:
		if c.rooms[m.Room].count(func(k *call) bool { return k.further }) >= roomFurther {
			c.no(p.id, framing.CodeBusy, time.Second)
			return
		}
	case now.Before(s.refused):
		c.no(p.id, framing.CodeCodeRefused, s.refused.Sub(now))
		return
	case !s.asked.take(now, seekBurst, seekRate):
		c.no(p.id, framing.CodeBusy, time.Second)
		return
	case s.parked >= c.limits.PerSource || len(c.seekers) >= 2*c.limits.Rooms:
		c.no(p.id, framing.CodeBusy, 10*time.Second)
		return
	}
	k.room = c.room(m.Room)
	k.id = c.bytes16()
	if !k.further {
		k.pass = k.id
	}
	k.room.waiting = append(k.room.waiting, k)
	c.calls[k.id], c.seekers[p.id] = k, k
	c.source(now, p.source).parked++
	c.wait(now, k)
	c.knock(now, k.room)
}

// wait tells a seeker how things are.
func (c *core) wait(now time.Time, k *call) {
	k.told = now
	m := framing.Wait{Seen: framing.SeenAt(k.seeker.seen)}
	if k.room.control != 0 {
		m.Instance = k.room.instance
	}
	c.say(k.seeker.id, framing.TypeWait, m.Append(nil))
}

// count says for how many calls of the room a condition holds.
func (r *room) count(is func(*call) bool) (n int) {
	for _, k := range r.waiting {
		if is(k) {
			n++
		}
	}
	return n
}

// knock tells the room's listener of as many seekers as may be, in the order in which they
// came. Few at a time, and few of one source, so that a crowd of strangers leaves a place
// for others. Further connections of a link are not held up by strangers.
func (c *core) knock(now time.Time, r *room) {
	if r.control == 0 {
		return
	}
	first := r.count(func(k *call) bool { return !k.further && !k.knocked.IsZero() })
	for _, k := range r.waiting {
		if !k.knocked.IsZero() {
			continue
		}
		if !k.further {
			same := r.count(func(o *call) bool {
				return !o.further && !o.knocked.IsZero() && o.seeker.source == k.seeker.source
			})
			if first >= roomKnocks || same >= sourceKnocks {
				continue
			}
			first++
		}
		k.knocked = now
		m := framing.Knock{Call: k.id, Source: c.mark(now, k.seeker.source)}
		c.say(r.control, framing.TypeKnock, m.Append(nil))
	}
}

// join joins a listener's connection with the seeker whose call it names.
func (c *core) join(now time.Time, p peer, m framing.Join) {
	k := c.calls[m.Call]
	switch {
	case c.draining:
		c.no(p.id, framing.CodeGaveUp, time.Second)
		return
	case k == nil || k.knocked.IsZero():
		c.no(p.id, framing.CodeVanished, 0)
		return
	}
	r := k.room
	c.forget(k)
	theirs, own := c.source(now, k.seeker.source), c.source(now, p.source)
	most := min(linksOf*c.limits.PerSource, max(linksLeast, c.limits.Links/2))
	switch {
	case len(c.links) >= c.limits.Links,
		theirs.links >= most || own.links >= most,
		c.limits.Bytes > 0 && r.carried.Load() >= c.limits.Bytes:
		c.no(k.seeker.id, framing.CodeBusy, 30*time.Second)
		c.no(p.id, framing.CodeBusy, 30*time.Second)
	default:
		theirs.links++
		if own != theirs {
			own.links++
		}
		c.links[k.seeker.id] = &joined{room: r, seeker: k.seeker.source, listener: p.source, since: now, further: k.further}
		if !k.further {
			if len(r.passes) >= roomPasses {
				r.passes = slices.Delete(r.passes, 0, 1)
			}
			r.passes = append(r.passes, k.pass)
		}
		ok := framing.RelayOK{Call: k.pass}
		c.out = append(c.out, action{kind: actPair, to: k.seeker.id, mate: p.id, frame: framing.TypeOK, body: ok.Append(nil), carried: r.carried})
	}
	c.knock(now, r)
}

// forget takes a call out of its room, and the room away if nothing is left in it.
func (c *core) forget(k *call) {
	delete(c.calls, k.id)
	delete(c.seekers, k.seeker.id)
	if s := c.sources[k.seeker.source]; s != nil {
		s.parked--
	}
	r := k.room
	r.waiting = slices.DeleteFunc(r.waiting, func(o *call) bool { return o == k })
	if !r.held && len(r.waiting) == 0 {
		delete(c.rooms, r.key)
	}
}

// burn counts a room that wrong codes used up against those who came to it.
func (c *core) burn(now time.Time, r *room) {
	for _, l := range c.links {
		if l.room == r && !l.further && now.Sub(l.since) < shortLink {
			r.guessed(l.seeker, now)
		}
	}
	var done []netip.Prefix
	for _, g := range r.guesses {
		if now.Sub(g.at) < guessWindow && !slices.Contains(done, g.source) {
			done = append(done, g.source)
			c.source(now, g.source).burnt(now)
		}
	}
}
