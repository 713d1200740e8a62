package relayed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/reach/socket"
)

// The listener's half of a relay:
//
//  1. Claim takes the room, or has the relay choose a number. What that says is final: a
//     relay that cannot be reached, or a room that is taken, ends the command.
//  2. The control connection stays. Each KNOCK on it is answered by a connection of its
//     own with JOIN, which goes into the inlet.
//  3. When the control connection is lost, the room is claimed again with the same ticket,
//     for as long as the session lives.
//  4. Close gives the room up.

const (
	pingEvery = 15 * time.Second
	// silence is how long a relay may say nothing, with a PING every pingEvery.
	silence = 45 * time.Second
	// The pauses before the room is claimed again.
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
	// mostJoins is how many callers are let in at a time. A relay queues half as many.
	mostJoins = 16
	// leaveLimit is how long giving the room up may take.
	leaveLimit = time.Second
)

// Kind is what a State tells of.
type Kind uint8

// The kinds of states.
const (
	Nobody Kind = iota + 1 // the room is empty, and the relay tells when somebody comes
	There                  // the relay has somebody in the room
	Lost                   // the relay cannot be reached any more, because of Err; it is tried again
	Back                   // the relay can be reached again
)

// State tells how a relay is doing.
type State struct {
	Kind Kind
	Err  error
}

// ClaimOptions say what is claimed.
type ClaimOptions struct {
	Options
	Room     string        // the room of the code; "": the relay chooses a number
	Instance [8]byte       // of the listener, see link.Listener.Instance
	Inlet    *socket.Inlet // gets the connections, with a source that begins with "relay:"
	Tell     func(State)   // may be nil. One goroutine calls it; it must not block
}

// Claimed is a room at a relay that this side listens in.
type Claimed struct {
	entrance
	opts   ClaimOptions
	ticket [32]byte
	number uint32
	stop   context.CancelFunc
	wg     sync.WaitGroup

	state sync.Mutex // guards what follows
	seen  netip.AddrPort
	up    *client // the control connection; nil while it is lost
}

// Claim takes a room. ctx bounds only the claim itself. The error is an *Error.
func Claim(ctx context.Context, u URL, o ClaimOptions) (*Claimed, error) {
	c := &Claimed{entrance: newEntrance(u, o.Options), opts: o}
	_, _ = rand.Read(c.ticket[:]) // never fails
	up, err := c.claim(ctx)
	if err != nil {
		return nil, explain(u, err, true)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.wg.Go(func() { c.run(life, up) })
	return c, nil
}

// Number is that of the room, 0 if it was not the relay's choice.
func (c *Claimed) Number() uint32 { return c.number }

// Seen is where the relay sees this side's control connection come from. It is not valid
// if the relay does not know, and its port is 0 if only that is not known.
func (c *Claimed) Seen() netip.AddrPort {
	c.state.Lock()
	defer c.state.Unlock()
	return c.seen
}

// Close gives the room up, and waits for the goroutines. The inlet has to be read, or
// closed, until then. burnt says that wrong codes used the room up, which the relay counts
// against those who came.
func (c *Claimed) Close(burnt bool) error {
	c.state.Lock()
	up := c.up
	c.up = nil
	c.state.Unlock()
	if up != nil {
		leave := framing.Leave{Code: framing.CodeNone}
		if burnt {
			leave.Code = framing.CodeCodeRefused
		}
		up.left.Store(true)
		_ = up.SetWriteDeadline(time.Now().Add(leaveLimit))
		_ = up.send(framing.TypeLeave, leave.Append(nil)) // else the relay keeps the room for a while
	}
	c.stop()
	c.wg.Wait()
	return nil
}

// claim makes a control connection that has the room.
func (c *Claimed) claim(ctx context.Context) (*client, error) {
	up, err := c.open(ctx, true, func(token []byte) (framing.Type, []byte) {
		m := framing.Claim{Ticket: c.ticket, Instance: c.opts.Instance}
		switch {
		case c.opts.Room != "":
			m.Room = framing.RelayRoom(token, c.opts.Room)
		case c.number != 0:
			m.Room = framing.RelayRoom(token, strconv.FormatUint(uint64(c.number), 10))
		default:
			m.Allocate = true
		}
		return framing.TypeClaim, m.Append(nil)
	})
	if err != nil {
		return nil, err
	}
	if err := c.claimed(up); err != nil {
		up.drop()
		return nil, err
	}
	return up, nil
}

// claimed reads the answer to CLAIM.
func (c *Claimed) claimed(up *client) error {
	up.r.Restrict(framing.TypeClaimed, framing.TypeNo)
	_, body, err := up.next()
	if err != nil {
		return err
	}
	m, err := framing.ParseClaimed(body)
	switch {
	case err != nil:
		return err
	case c.opts.Room == "" && c.number == 0 && m.Number == 0:
		return errUnasked
	case c.opts.Room == "" && c.number == 0:
		c.number = m.Number
	}
	c.state.Lock()
	defer c.state.Unlock()
	c.seen, c.up = up.sight(c.seen, m.Seen), up
	return nil
}

// run keeps the room until ctx ends.
func (c *Claimed) run(ctx context.Context, up *client) {
	for up != nil {
		err := c.attend(ctx, up)
		c.state.Lock()
		c.up = nil
		c.state.Unlock()
		if ctx.Err() != nil {
			return
		}
		c.tell(State{Lost, explain(c.url, err, false)})
		if up = c.again(ctx, err); up != nil {
			c.tell(State{Kind: Back})
		}
	}
}

// again claims the room until that works or ctx ends.
func (c *Claimed) again(ctx context.Context, last error) *client {
	pause := firstPause
	for {
		var no *refusal
		wait := pause
		if errors.As(last, &no) {
			wait = max(wait, min(no.again, longestPause))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		up, err := c.claim(ctx)
		if err == nil {
			return up
		}
		if now := explain(c.url, err, false); now.Code != explain(c.url, last, false).Code {
			c.tell(State{Lost, now}) // the room is somebody else's now, say
		}
		last, pause = err, min(2*pause, longestPause)
	}
}

func (c *Claimed) tell(s State) {
	if c.opts.Tell != nil {
		c.opts.Tell(s)
	}
}

// attend serves a control connection until it is lost, or ctx ends.
func (c *Claimed) attend(ctx context.Context, up *client) error {
	var pings sync.WaitGroup
	defer pings.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(ctx, up.drop)()
	defer up.drop()
	pings.Go(func() { up.keep(ctx) })
	up.r.Restrict(framing.TypeKnock, framing.TypePong, framing.TypeNo)
	joins := make(chan struct{}, mostJoins)
	for {
		if err := up.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		t, body, err := up.next()
		if err != nil {
			return err
		}
		if t != framing.TypeKnock {
			continue // PONG: what counts is that it came
		}
		m, err := framing.ParseKnock(body)
		if err != nil {
			return err
		}
		select {
		case joins <- struct{}{}:
			c.wg.Go(func() {
				defer func() { <-joins }()
				c.join(ctx, m)
			})
		default: // the relay tells the caller that nobody answered
		}
	}
}

// join lets a caller in. Why that failed concerns nobody here: the caller hears of it.
func (c *Claimed) join(ctx context.Context, m framing.Knock) {
	conn, err := c.open(ctx, false, func([]byte) (framing.Type, []byte) {
		join := framing.Join{Call: m.Call}
		return framing.TypeJoin, join.Append(nil)
	})
	if err != nil {
		return
	}
	if _, err := conn.raw(ctx); err != nil {
		return
	}
	_ = c.opts.Inlet.Put(conn.Conn, "relay:"+hex.EncodeToString(m.Source[:])) // which closes it otherwise
}

// raw waits for OK, after which the bytes are the other side's. It closes the connection
// if there is an error.
func (c *client) raw(ctx context.Context) (call [16]byte, err error) {
	defer context.AfterFunc(ctx, c.drop)()
	c.r.Restrict(framing.TypeOK, framing.TypeNo)
	_, body, err := c.next()
	if err == nil {
		var ok framing.RelayOK
		ok, err = framing.ParseOK(body)
		call = ok.Call
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		c.drop()
	}
	return call, err
}
