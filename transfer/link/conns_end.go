package link

import "time"

// How a link's connections end, where Close is orderly:
//
//  1. part lets no connection of the other side take the link over any more, but for one
//     that was confirmed: admits counts those, and settled ends them.
//  2. freeze lets no connection come at all. What was said is flushed then.
//  3. close closes those that there are.

// admits is expect for a connection that the other side has made. It is false once the
// link is being closed: then nothing may be confirmed.
func (c *conns) admits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parting || c.frozen {
		return false
	}
	c.joining++
	return true
}

// stir wakes part. It needs c.mu.
func (c *conns) stir() {
	close(c.moved)
	c.moved = make(chan struct{})
}

// part lets no connection of the other side take the link over any more. One that was
// confirmed has so long to do it, with all its streams: the other side has given up the
// connections before it, and what was said last would not get through on those.
func (c *conns) part(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		c.mu.Lock()
		c.parting = true
		whole := c.joining == 0
		if whole && c.down == nil && c.epoch > 0 {
			for _, s := range c.streams {
				whole = whole && s.in.current() != nil
			}
		}
		moved := c.moved
		c.mu.Unlock()
		if whole {
			return
		}
		select {
		case <-moved:
		case <-timer.C:
			return
		case <-c.ctx.Done():
			return
		}
	}
}

// freeze lets no connection come any more, and returns the streams that there are.
func (c *conns) freeze() []*stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = true
	return c.allLocked()
}

// close closes all connections. What was to be sent on them was flushed before, if the
// end is an orderly one.
func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen, c.closed = true, true
	for _, s := range c.allLocked() {
		s.in.detach()
	}
}
