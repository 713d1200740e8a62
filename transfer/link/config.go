package link

import (
	"context"
	"errors"
	"net"
	"time"

	"ferry/framing"
)

// Role says which way the bytes go, whichever side listens.
type Role = framing.Role

// The two roles; a link has one of each.
const (
	Sender   = framing.RoleSender
	Receiver = framing.RoleReceiver
)

// Limits on a proven link.
const (
	MaxStreams     = framing.MaxStreams // connections of a link
	DefaultTimeout = 30 * time.Second   // silence after which a link is given up
	// MinTimeout leaves the other side two heartbeats, one of which may be late.
	MinTimeout    = 10 * time.Second
	heartbeat     = 5 * time.Second
	closeLimit    = 2 * time.Second  // for writing the rest, and again for draining
	userTimeLimit = 15 * time.Second // above Config.Timeout: the kernel's own limit
)

// Config is what both ways of making a link need.
type Config struct {
	Role         Role
	Code         Code
	Capabilities uint64 // framing.Cap bits offered
	// Timeout is the silence that ends the link. 0 means DefaultTimeout, and a time below
	// MinTimeout means MinTimeout.
	Timeout time.Duration
	// RetryFor is how long a lost link is waited for, from each loss on. 0 ends the link at
	// the first loss. LimitRetry makes it shorter.
	RetryFor time.Duration
	// Connect makes the connections of Dial; nil means TCP. The address is the one given to
	// Dial, which is not looked into, also when the link is lost. For further streams it is
	// the address that the first connection leads to. An error that wraps ErrNoWay says that
	// nothing is left to connect to.
	Connect func(ctx context.Context, addr string) (net.Conn, error)
	// Failed may be nil. It hears of each connection of Connect that ended with err before
	// its proof, and of the address that it led to. After a refused code final is true:
	// Connect has to leave that address out from then on, and Dial goes on with others. It
	// is called by one goroutine at a time, which holds no lock.
	Failed func(at net.Addr, err error, final bool)
	// Notify may be nil. Several goroutines of the link call it, perhaps at the same time,
	// and hold no lock. It must not block. EventLost, EventRetrying and EventRejoined of a
	// link come one at a time, in the order of what they tell of.
	Notify func(Event)
}

var errConfig = errors.New("a link needs a role and a code")

func (c *Config) check() error {
	// An empty code would let everybody in.
	if c.Code.isZero() || c.Role != Sender && c.Role != Receiver {
		return errConfig
	}
	return nil
}

func (c *Config) timeout() time.Duration {
	if c.Timeout <= 0 {
		return DefaultTimeout
	}
	return max(c.Timeout, MinTimeout)
}

func (c *Config) notify(e Event) {
	if c.Notify != nil {
		c.Notify(e)
	}
}

// EventKind is what an Event tells of.
type EventKind uint8

// The kinds of events.
const (
	EventWaiting   EventKind = iota + 1 // an attempt to dial failed with Err and another follows
	EventRefused                        // a stranger's confirmation was wrong, the Attempts-th time
	EventBroken                         // a connection that spoke our protocol ended with Err before its proof
	EventConnected                      // the other side has proved itself
	EventLost                           // the link has no connection any more, because of Err; it is waited for as long as Window
	EventRetrying                       // dialling it again failed with Err, the Attempts-th time
	EventRejoined                       // the link goes on, after Elapsed
)

// Event tells how the making of a link goes.
type Event struct {
	Kind     EventKind
	Addr     string // as dialled, or of the peer
	Attempts int    // attempts made, or wrong confirmations so far
	Limit    int    // wrong confirmations that burn the code; 0: any number does not
	Elapsed  time.Duration
	Window   time.Duration // in all, from the loss on
	Err      error
}
