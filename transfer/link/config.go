package link

import (
	"context"
	"errors"
	"net"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/machine"
	"ferry/transfer/link/admission"
)

// Role says which way the bytes go, whichever side listens.
type Role = framing.Role

// The two roles; a link has one of each.
const (
	Sender   = framing.RoleSender
	Receiver = framing.RoleReceiver
	// AnyRole is for listeners only: each link has the role that its peer leaves. See
	// Link.Role.
	AnyRole Role = 0
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
	Role Role
	Code Code
	// Keys prove the two sides in place of the code; nil is the code alone. A listener with
	// both takes either, and a dialler with both proves the code.
	Keys         *Keys
	Capabilities uint64 // framing.Cap bits offered
	// Timeout is the silence that ends the link. 0 means DefaultTimeout, and a time below
	// MinTimeout means MinTimeout.
	Timeout time.Duration
	// RetryFor is how long a lost link is waited for, from each loss on. 0 ends the link at
	// the first loss. LimitRetry makes it shorter.
	RetryFor time.Duration
	// Connect makes the connections of Dial; nil means TCP to the address, and for further
	// streams to where stream 0 goes. A connection needs deadlines that work. An error that
	// wraps ErrNoWay says that nothing is left to connect to.
	Connect func(ctx context.Context, w Want) (net.Conn, error)
	// Check may be nil. On a connection for a new session, of which c is what Connect
	// returned, it comes after the TLS handshake and before anything is proved. instance
	// names the listener that answered: see Listener.Instance. An error ends the connection,
	// which has cost neither side a guess. Exchanges that broke off are counted by instance
	// then, and a refused code rules out the instance.
	Check func(c net.Conn, instance [8]byte) error
	// Guesses is what the code bears, of a side that listens and dials, or dials several
	// times; nil is a budget of its own. It belongs to Code.
	Guesses *Guesses
	// Identity is what a listener shows; nil is a fresh one.
	Identity *Identity
	// SourceOf may be nil. It names the source that a listener counts a connection to, and
	// its wrong confirmations. "" is for the one that the remote address tells.
	SourceOf func(c net.Conn) string
	// Links is how many proven links a listener has at once; 0 is 1.
	Links int
	// Failed may be nil. It hears of each connection of Connect that ended with err before
	// its proof, and of the address that it led to. After a refused code final is true:
	// Connect has to leave that address out from then on, and Dial goes on with others. It
	// is called by one goroutine at a time, which holds no lock.
	Failed func(at net.Addr, err error, final bool)
	// Anew may be nil. It is given the link to the other side where that has begun anew, and
	// has proved the code again, before the old one ends with ErrBegunAnew. It is the one
	// that the caller would dial next. Without Anew it is closed.
	Anew func(*Link)
	// Notify may be nil. Several goroutines of the link call it, perhaps at the same time,
	// and hold no lock. It must not block. EventLost, EventRetrying, EventRejoined and EventMoved
	// of a link come one at a time, in the order of what they tell of.
	Notify func(Event)

	machine machine.Machine // this one, once the link is to be made
}

// Guesses is the budget of wrong answers to one code.
type Guesses = admission.Guesses

// NewGuesses returns the whole budget of a code.
func NewGuesses(c Code) *Guesses { return admission.NewGuesses(c.allowance()) }

func (c *Config) guesses() *Guesses {
	if c.Guesses == nil {
		return NewGuesses(c.Code)
	}
	return c.Guesses
}

// Want is what a connection is for.
type Want struct {
	Addr    string          // as given to Dial, which does not look into it
	Purpose framing.Purpose // a new session, a further stream, a rejoin
	Stream  int             // the number of the stream
	// Last is what stream 0 goes over, or went over. For a new session it is nil, or what led
	// to whoever does not know the old one: the new connection has to lead there. It may be
	// compared, and asked for its addresses.
	Last net.Conn
}

var errConfig = errors.New("a link needs a role, and a code or keys")

// check looks for what each side needs. An empty code would let everybody in, and so would
// keys that nobody verifies.
func (c *Config) check(own side) error {
	switch {
	case c.Role > Receiver, c.Role == AnyRole && own == dialling:
		return errConfig
	case c.Code.isZero() && c.Keys == nil, c.Keys != nil && !c.Keys.whole(own):
		return errConfig
	}
	return nil
}

// byKeys tells whether a dialler proves a key.
func (c *Config) byKeys() bool { return c.Code.isZero() }

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
	EventMoved                          // the link goes on over another connection, to Addr, and was not lost
	EventBurnt                          // the code of a listener that takes keys too is burnt, and Err wraps ErrBurnt; keys go on
	EventStranger                       // a connection to a listener ended with Err before it spoke our protocol: most look for open ports
)

// Event tells how the making of a link goes.
type Event struct {
	Kind     EventKind
	Link     *Link  // that it is about; nil while there is none
	Addr     string // as dialled, or of the peer
	Attempts int    // attempts made, or wrong confirmations so far
	Limit    int    // wrong confirmations that burn the code; 0: any number does not
	Elapsed  time.Duration
	Window   time.Duration // in all, from the loss on
	Err      error
}
