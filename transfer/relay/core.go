package relay

import (
	"encoding/binary"
	"io"
	"net/netip"
	"sync/atomic"
	"time"

	"ferry/framing"
)

// The times and counts that framing/RELAY.md states.
const (
	knockTime    = 10 * time.Second // from KNOCK to JOIN
	keepTime     = 15 * time.Minute // a room without its listener
	seekTime     = time.Hour        // a SEEK without a listener
	waitAgain    = 15 * time.Second // from WAIT to WAIT
	quietStart   = time.Minute      // no number below firstLate is allocated so long after the start
	shortLink    = 20 * time.Second // a link that may have been a wrong guess
	guessWindow  = 10 * time.Minute // before LEAVE, in which such a link counts
	burntWindow  = time.Hour        // in which burnt rooms add up, and how long the source is refused then
	burntRooms   = 3                // of one source in burntWindow
	roomKnocks   = 8                // KNOCKs of a room without a JOIN
	sourceKnocks = 2                // of these from one source
	roomPasses   = 64               // calls of a room that are remembered
	roomFurther  = 32               // SEEKs with such a call that wait
	seekBurst    = 50               // first SEEKs of a source at once
	seekRate     = 5                // and a second
	shakeBurst   = 256              // handshakes of TLS of a source at once
	shakeRate    = 32               // and a second
	linksOf      = 8                // joined connections of a source, for each that may wait
	linksLeast   = 16               // of these, at least; above it no source has more than half of all
)

// id names a connection. None is 0.
type id uint64

// actionKind says what the shell is to do.
type actionKind uint8

const (
	actSay  actionKind = iota + 1 // say a frame
	actEnd                        // say NO, and end the connection
	actPair                       // say OK to both, and carry from one to the other
)

// action is what an event leads to. Actions are to be done in their order.
type action struct {
	kind    actionKind
	to      id
	frame   framing.Type
	body    []byte
	code    framing.Code  // actEnd
	mate    id            // actPair: of the listener's side; to is the seeker
	carried *atomic.Int64 // actPair: bytes of the room so far
}

// peer is what the core knows of a connection when it asks for something.
type peer struct {
	id     id
	source netip.Prefix
	seen   netip.AddrPort
	token  []byte // that it has shown; empty where none is needed
}

// call is a seeker that waits to be joined.
type call struct {
	id      [16]byte
	seeker  peer
	room    *room
	pass    [16]byte  // told by OK; of a further connection the call that it named
	further bool      // it named a call of the room
	since   time.Time // SEEK
	told    time.Time // the last WAIT
	knocked time.Time // zero: not told to a listener
}

// joined is a link.
type joined struct {
	room             *room
	seeker, listener netip.Prefix
	since            time.Time
	further          bool
}

// core is the relay without connections and clock: what happens is told to its methods,
// and what to do comes back. It belongs to whoever calls it, one at a time.
type core struct {
	limits   Limits
	random   io.Reader
	started  time.Time
	draining bool
	out      []action

	rooms    map[[16]byte]*room
	tickets  map[[32]byte]*room // of rooms that somebody holds
	controls map[id]*room
	calls    map[[16]byte]*call
	seekers  map[id]*call
	links    map[id]*joined // by the seeker
	sources  map[netip.Prefix]*source

	markKey [16]byte // of mark
	markDay int64
}

func newCore(limits Limits, random io.Reader, now time.Time) *core {
	return &core{
		limits: limits, random: random, started: now,
		rooms:    make(map[[16]byte]*room),
		tickets:  make(map[[32]byte]*room),
		controls: make(map[id]*room),
		calls:    make(map[[16]byte]*call),
		seekers:  make(map[id]*call),
		links:    make(map[id]*joined),
		sources:  make(map[netip.Prefix]*source),
	}
}

// take returns what the last event led to.
func (c *core) take() []action {
	out := c.out
	c.out = nil
	return out
}

func (c *core) say(to id, t framing.Type, body []byte) {
	c.out = append(c.out, action{kind: actSay, to: to, frame: t, body: body})
}

func (c *core) no(to id, code framing.Code, again time.Duration) {
	m := framing.RelayNo{Code: code, Again: uint16(min(again/time.Second, 65535))}
	c.out = append(c.out, action{kind: actEnd, to: to, frame: framing.TypeNo, body: m.Append(nil), code: code})
}

func (c *core) bytes16() (b [16]byte) {
	if _, err := io.ReadFull(c.random, b[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return b
}

// below returns a number below n, which is a power of ten and not large.
func (c *core) below(n uint32) uint32 {
	b := c.bytes16()
	return uint32(binary.BigEndian.Uint64(b[:]) % uint64(n))
}

// gone tells that a connection which held a room or sought one has ended.
func (c *core) gone(now time.Time, who id) {
	if r := c.controls[who]; r != nil {
		delete(c.controls, who)
		c.leaveAlone(now, r)
	}
	if k := c.seekers[who]; k != nil {
		c.forget(k)
	}
}

// ended tells that a link is over.
func (c *core) ended(now time.Time, seeker id) {
	l := c.links[seeker]
	if l == nil {
		return
	}
	delete(c.links, seeker)
	c.source(now, l.seeker).links--
	if l.listener != l.seeker {
		c.source(now, l.listener).links--
	}
	if !l.further && now.Sub(l.since) < shortLink {
		l.room.guessed(l.seeker, now)
	}
}

// tick does what is due. It is called about once a second.
func (c *core) tick(now time.Time) {
	for _, k := range c.seekers {
		switch {
		case !k.knocked.IsZero() && now.Sub(k.knocked) >= knockTime:
			c.no(k.seeker.id, framing.CodeTimeout, time.Second)
			c.forget(k)
			c.knock(now, k.room)
		case k.knocked.IsZero() && now.Sub(k.since) >= seekTime:
			c.no(k.seeker.id, framing.CodeTimeout, 0)
			c.forget(k)
		case now.Sub(k.told) >= waitAgain:
			c.wait(now, k)
		}
	}
	for _, r := range c.rooms {
		if r.held && r.control == 0 && now.Sub(r.left) >= keepTime {
			c.free(now, r)
		}
	}
	for prefix, s := range c.sources {
		if s.forgettable(now) {
			delete(c.sources, prefix)
		}
	}
}

// drain sends everybody away who is not in a link, and lets nobody in any more.
func (c *core) drain() {
	c.draining = true
	for who := range c.controls {
		c.no(who, framing.CodeGaveUp, time.Second)
	}
	for who := range c.seekers {
		c.no(who, framing.CodeGaveUp, time.Second)
	}
}
