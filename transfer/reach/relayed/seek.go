package relayed

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link"
)

// The dialler's half of a relay, for each connection that the link needs:
//
//  1. A connection with SEEK, the first one from the shared port.
//  2. WAIT says how the relay sees this side, and who is there. While nobody is, it is
//     waited for the next WAIT.
//  3. OK: the bytes are the other side's from here on. It holds the call, by which the
//     relay knows further connections of the same link.

// seekLimit is how long one connection waits in the room: a relay lets nobody wait longer
// without a sign of life.
const seekLimit = 40 * time.Second

// SeekOptions say what is sought.
type SeekOptions struct {
	Options
	Room string // the room of the code
	// Skip may be nil. It tells of whom Connect is not to come to: who is in the room and does
	// not know the code. As long as he is there the error has CodeLocked.
	Skip func(instance [8]byte) bool
	Tell func(State) // may be nil. Whoever calls Connect calls it; it must not block
}

// Seeker makes connections to the listener of a room.
type Seeker struct {
	entrance
	opts SeekOptions

	state sync.Mutex // guards what follows
	call  [16]byte
	seen  netip.AddrPort
	told  Kind // what was told last
}

// NewSeeker makes no connection yet.
func NewSeeker(u URL, o SeekOptions) *Seeker {
	return &Seeker{entrance: newEntrance(u, o.Options), opts: o}
}

// Connect makes one connection, for link.Config.Connect. While nobody is there it waits
// for as long as ctx. The error is an *Error. It wraps link.ErrNoWay if the relay was never
// reached: what a person gave is not to be waited for.
func (s *Seeker) Connect(ctx context.Context, want link.Want) (net.Conn, error) {
	conn, err := s.connect(ctx, want)
	if err != nil {
		final := !s.wasReached() && ctx.Err() == nil
		told := explain(s.url, err, final)
		if s.wasReached() && told.Code == framing.CodeLost {
			s.tell(Lost, told)
		}
		return nil, told
	}
	s.tell(There, nil)
	return conn, nil
}

func (s *Seeker) connect(ctx context.Context, want link.Want) (net.Conn, error) {
	s.state.Lock()
	call := s.call
	s.state.Unlock()
	if want.Purpose == framing.PurposeNew {
		call = [16]byte{}
	}
	c, err := s.open(ctx, want.Stream == 0, func(token []byte) (framing.Type, []byte) {
		m := framing.Seek{Room: framing.RelayRoom(token, s.opts.Room), Call: call}
		return framing.TypeSeek, m.Append(nil)
	})
	if err != nil {
		return nil, err
	}
	if err := s.wait(ctx, c); err != nil {
		c.drop()
		return nil, err
	}
	return c.Conn, nil
}

// wait waits for OK. Its error is errNobody if the time was over and nobody was there.
func (s *Seeker) wait(ctx context.Context, c *client) error {
	if err := c.SetDeadline(time.Now().Add(seekLimit)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.drop)
	defer stop()
	c.r.Restrict(framing.TypeWait, framing.TypeOK, framing.TypePong, framing.TypeNo)
	nobody := false
	for {
		t, body, err := c.next()
		if err != nil && nobody && (ctx.Err() != nil || isTimeout(err)) {
			return errNobody
		}
		if err != nil {
			return because(ctx, err)
		}
		switch t {
		case framing.TypeWait:
			if nobody, err = s.waits(c, body); err != nil {
				return err
			}
		case framing.TypeOK:
			m, err := framing.ParseOK(body)
			if err != nil {
				return err
			}
			if !stop() {
				return ctx.Err()
			}
			s.state.Lock()
			s.call = m.Call
			s.state.Unlock()
			return c.SetDeadline(time.Time{})
		}
	}
}

// waits takes a WAIT, and tells whether the room is empty.
func (s *Seeker) waits(c *client, body []byte) (nobody bool, err error) {
	m, err := framing.ParseWait(body)
	if err != nil {
		return false, err
	}
	nobody = m.Instance == [8]byte{}
	s.state.Lock()
	s.seen = c.sight(s.seen, m.Seen)
	s.state.Unlock()
	switch {
	case nobody:
		s.tell(Nobody, nil)
	case s.opts.Skip != nil && s.opts.Skip(m.Instance):
		return false, &refusal{code: framing.CodeLocked, err: errTaken}
	}
	return nobody, nil
}

// tell tells what is new.
func (s *Seeker) tell(k Kind, err error) {
	s.state.Lock()
	before := s.told
	s.told = k
	s.state.Unlock()
	if s.opts.Tell == nil || before == k {
		return
	}
	if before == Lost && k != Lost {
		s.opts.Tell(State{Kind: Back})
	}
	s.opts.Tell(State{k, err})
}

// Seen is where the relay sees this side come from, as Claimed.Seen has it.
func (s *Seeker) Seen() netip.AddrPort {
	s.state.Lock()
	defer s.state.Unlock()
	return s.seen
}
