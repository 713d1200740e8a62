package link

import (
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/framing"
)

// conns is the streams of a link and where it stands with their connections. A link has
// connections of one epoch, or it has lost them and waits for those of the next one: that
// is an outage. Once it is closed it takes none.
//
// Goroutines of the link begin under mu, and none begins once it is closed. A wait for
// tasks after that is a wait for all.
type conns struct {
	tasks    sync.WaitGroup
	await    func(*outage)        // waits for the end of an outage, in a goroutine of its own
	retryFor func() time.Duration // see Link.RetryFor
	news     news                 // of losses and their ends; who causes one has it told

	mu      sync.Mutex // guards what follows; the locks of an inlet and of news may be taken under it
	streams []*stream
	parked  map[int]*stream // streams that came before a lower number
	grown   chan struct{}   // closed and replaced when streams grows
	allowed int             // streams that the dialler may open
	epoch   uint32
	addr    string // of the other side
	down    *outage
	frozen  bool // no connection comes any more
	closed  bool // and all that came are closed
}

// outage is the time from the loss of a link's connections to the next ones.
type outage struct {
	since time.Time
	cause error
	over  chan struct{} // closed when the link goes on
}

// count returns how many streams there are, and what is closed when there are more.
func (c *conns) count() (n int, more <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams), c.grown
}

// stream returns stream i, and nil if there is none.
func (c *conns) stream(i int) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i >= len(c.streams) {
		return nil
	}
	return c.streams[i]
}

// all returns the streams that have connections, published or not.
func (c *conns) all() []*stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allLocked()
}

func (c *conns) allLocked() []*stream {
	all := append([]*stream(nil), c.streams...)
	for _, s := range c.parked {
		all = append(all, s)
	}
	return all
}

// allow sets how many streams the dialler may open.
func (c *conns) allow(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed = n
}

// allows tells whether a stream may be opened, or opened again.
func (c *conns) allows(number int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return number < max(c.allowed, len(c.streams))
}

// place returns the number of the link in its session, and the other side's address.
func (c *conns) place() (epoch uint32, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.addr
}

// outage returns the outage that lasts, nil if there is none.
func (c *conns) outage() *outage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

// inUse tells whether the link has connections, or ones that prove themselves.
func (c *conns) inUse() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && c.down == nil
}

// has tells whether ch is one of the connections in force.
func (c *conns) has(ch *channel) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hasLocked(ch)
}

func (c *conns) hasLocked(ch *channel) bool { return !c.closed && c.down == nil && c.epoch == ch.epoch }

// received is how many bytes have come on all streams together.
func (c *conns) received() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		n += s.in.position()
	}
	return n
}

// add takes in a stream of epoch 0 on its first connection. then runs in a goroutine of
// its own.
func (c *conns) add(s *stream, ch *channel, then func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.frozen, !c.hasLocked(ch):
		return &Error{Code: framing.CodeLost, Op: "join", Err: net.ErrClosed}
	case s.number < len(c.streams):
		return protocolError("join", fmt.Errorf("stream %d exists", s.number))
	}
	s.in.attach(ch)
	c.park(s)
	c.tasks.Go(then)
	return nil
}

// park keeps a stream until all with lower numbers are there. It needs c.mu.
func (c *conns) park(s *stream) {
	if old := c.parked[s.number]; old != nil && old != s {
		// Nobody reads it yet: the dialler has tried again.
		old.in.detach()
	}
	c.parked[s.number] = s
	for next := c.parked[len(c.streams)]; next != nil; next = c.parked[len(c.streams)] {
		delete(c.parked, len(c.streams))
		c.streams = append(c.streams, next)
	}
	close(c.grown)
	c.grown = make(chan struct{})
}

// dropParked closes what was opened beyond a stream that was not.
func (c *conns) dropParked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for number, s := range c.parked {
		s.in.detach()
		delete(c.parked, number)
	}
}

// lose gives up the connections because of ch, unless it is not among them any more. The
// outage begins, and is put into the news.
func (c *conns) lose(ch *channel, err error) (lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.hasLocked(ch) {
		return false
	}
	c.loseLocked(err)
	return true
}

func (c *conns) loseLocked(err error) {
	o := &outage{since: time.Now(), cause: err, over: make(chan struct{})}
	c.down = o
	c.news.put(Event{Kind: EventLost, Addr: c.addr, Err: err, Window: c.retryFor()})
	for _, s := range c.allLocked() {
		s.in.detach()
	}
	clear(c.parked)
	c.tasks.Go(func() { c.await(o) })
}

// rejoin begins an epoch, for which a connection has proved itself. It returns stream 0,
// which goes on over that connection. lost tells that the link still had its connections,
// and has given them up just now.
func (c *conns) rejoin(epoch uint32) (first *stream, lost bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen || epoch <= c.epoch {
		return nil, false, &Error{Code: framing.CodeDeclined, Op: "join", Err: errStale}
	}
	if lost = c.down == nil; lost {
		c.loseLocked(errReplaced)
	}
	c.epoch = epoch
	return c.streams[0], lost, nil
}

// carryOn ends the outage after so many tries, and puts that into the news: stream 0 goes
// on over ch. then runs in a goroutine of its own.
func (c *conns) carryOn(ch *channel, tries int, then func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen || c.epoch != ch.epoch {
		return &Error{Code: framing.CodeLost, Op: "join", Err: errStale}
	}
	o := c.down
	c.streams[0].in.attach(ch)
	c.tasks.Go(then)
	c.down, c.addr = nil, addrOf(ch.raw)
	close(o.over)
	c.news.put(Event{Kind: EventRejoined, Addr: c.addr, Attempts: tries, Elapsed: time.Since(o.since)})
	return nil
}

// addAgain has a further stream go on over ch, or begin, on a link that was joined again.
// then runs in a goroutine of its own.
func (c *conns) addAgain(s *stream, ch *channel, then func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen || !c.hasLocked(ch) {
		return &Error{Code: framing.CodeLost, Op: "join", Err: errStale}
	}
	if s.number >= len(c.streams) {
		c.park(s)
	}
	s.in.attach(ch)
	c.tasks.Go(then)
	return nil
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
