package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/framing"
)

// conns is the streams of a link and where it stands with their connections. A link has
// connections of one epoch, or it waits for those of the next one: that is an outage. An
// outage is a loss, unless the next connection is there already. Once the link is closed it
// takes none.
//
// Goroutines of the link begin under mu, and none begins once it is closed. A wait for
// tasks after that is a wait for all.
type conns struct {
	tasks    sync.WaitGroup
	ctx      context.Context      // of the link
	await    func(*outage)        // waits for the end of an outage, in a goroutine of its own
	retryFor func() time.Duration // see Link.RetryFor
	news     news                 // of losses and their ends; who causes one has it told

	mu      sync.Mutex // guards what follows; the locks of an inlet and of news may be taken under it
	streams []*stream
	parked  map[int]*stream // streams that came before a lower number
	grown   chan struct{}   // closed and replaced when streams grows
	allowed int             // streams that the dialler may open
	epoch   uint32
	last    net.Conn // what stream 0 goes over, or went over
	down    *outage
	moved   chan struct{} // closed and replaced when joining falls, or a stream goes on
	joining int           // connections for the next epoch of which the other side may know the proof
	parting bool          // no connection of the other side takes the link over any more
	frozen  bool          // no connection comes any more
	closed  bool          // and all that came are closed
}

// outage is the time from the end of a link's connections to the next ones.
type outage struct {
	since time.Time
	limit time.Duration   // after which it is a loss, if it was none from the start
	ctx   context.Context // is over when the link goes on, or is over
	goOn  context.CancelFunc
	fell  chan struct{} // closed when it is a loss

	lost  bool  // it is a loss; guarded by conns.mu
	cause error // of the loss; it does not change once fell is closed
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

// place returns the number of the link in its session, and the connection of stream 0,
// which may be lost.
func (c *conns) place() (epoch uint32, last net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.last
}

// outage returns the outage that lasts, nil if there is none.
func (c *conns) outage() *outage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

// loss returns the outage that lasts, if it is a loss.
func (c *conns) loss() *outage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == nil || !c.down.lost {
		return nil
	}
	return c.down
}

// inUse tells whether the link has connections, or ones that prove themselves.
func (c *conns) inUse() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && (c.down == nil || !c.down.lost)
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
	if c.joining > 0 { // most likely the other side has taken one of these
		c.giveUp(answerLimit)
		c.down.cause = err
		return false
	}
	c.giveUp(0)
	c.loseLocked(err)
	return true
}

// expect says that a connection for the next epoch may be taken at any moment: until
// settled, the end of the link's connections is no loss yet.
func (c *conns) expect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joining++
}

// settled ends what expect or admits began. The outage is a loss if no connection was taken.
func (c *conns) settled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joining--; c.joining == 0 && !c.closed && c.down != nil && !c.down.lost {
		c.loseLocked(c.down.why())
	}
	c.stir()
}

// why is the cause of an outage so far. It needs conns.mu.
func (o *outage) why() error {
	if o.cause != nil {
		return o.cause
	}
	return errReplaced
}

// giveUp closes all connections: the outage begins, and is a loss after limit at the
// latest. It needs c.mu.
func (c *conns) giveUp(limit time.Duration) {
	o := &outage{since: time.Now(), limit: limit, fell: make(chan struct{})}
	o.ctx, o.goOn = context.WithCancel(c.ctx)
	c.down = o
	for _, s := range c.allLocked() {
		s.in.detach()
	}
	clear(c.parked)
	c.tasks.Go(func() { c.await(o) })
}

// loseLocked makes the outage a loss, and puts that into the news. It needs c.mu.
func (c *conns) loseLocked(err error) {
	c.down.lost, c.down.cause = true, err
	c.news.put(Event{Kind: EventLost, Addr: addrOf(c.last), Err: err, Window: c.retryFor()})
	close(c.down.fell)
}

// expired makes o a loss, if it lasts and is none yet.
func (c *conns) expired(o *outage) (lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.down != o || o.lost {
		return false
	}
	c.loseLocked(o.why())
	return true
}

// failed makes the outage a loss, if it lasts and no later epoch has begun.
func (c *conns) failed(epoch uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.down != nil && !c.down.lost && c.epoch == epoch {
		c.loseLocked(err)
	}
}

// retrying puts a failed try into the news, if the outage lasts.
func (c *conns) retrying(o *outage, tries int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == o {
		c.news.put(Event{Kind: EventRetrying, Addr: addrOf(c.last), Attempts: tries, Err: err, Elapsed: time.Since(o.since), Window: c.retryFor()})
	}
}

// rejoin begins an epoch, for which a connection has proved itself. It returns stream 0,
// which goes on over that connection. A link that still has its connections gives them up
// for it, and is not lost if it goes on within limit.
func (c *conns) rejoin(epoch uint32, limit time.Duration) (first *stream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen || epoch <= c.epoch {
		return nil, &Error{Code: framing.CodeDeclined, Op: "join", Err: errStale}
	}
	if c.down == nil {
		c.giveUp(limit)
	}
	c.epoch = epoch
	return c.streams[0], nil
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
	c.down, c.last = nil, ch.raw.Conn
	e := Event{Kind: EventMoved, Addr: addrOf(c.last), Attempts: tries, Elapsed: time.Since(o.since)}
	if o.lost {
		e.Kind = EventRejoined
	}
	c.news.put(e)
	o.goOn()
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
	c.stir()
	return nil
}
