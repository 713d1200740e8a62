package relay

import (
	"crypto/tls"
	"time"
)

// Limits bound what all clients together, and each, may use. Zero is no limit but for the
// first three, which are at least 1.
type Limits struct {
	Rooms     int   // that are held at once
	Links     int   // that are carried at once
	PerSource int   // rooms and waiting seekers of one source
	Bytes     int64 // of one room, in both directions
	Rate      int64 // bytes a second of all links, both directions together
	LinkRate  int64 // of one link
}

// Config is what a Server is made with.
type Config struct {
	Limits Limits
	// Token is what clients have to show; empty: nothing.
	Token []byte
	// TLS is for connections that begin with TLS; nil: they are refused. Plain ones are
	// taken all the same.
	TLS *tls.Config
	// BehindProxy has WebSockets be taken, and believes what a connection from a private
	// address says about whom it speaks for: PROXY version 2, or X-Forwarded-For.
	BehindProxy bool
	// Observe is told what happens; nil: nobody is. It is called by any goroutine, and
	// may not block.
	Observe func(Event)
}

// EventKind says what an Event tells of.
type EventKind uint8

// The kinds.
const (
	EventRefused EventKind = iota + 1 // a client was refused, because of Cause
	EventLinked                       // a link is over: Bytes and Elapsed
)

// Event is something that an operator may want to know. It has no addresses.
type Event struct {
	Kind    EventKind
	Cause   Cause
	Bytes   int64 // rounded, so that a log does not tell what was carried
	Elapsed time.Duration
}

// Cause is why a client was refused. The words are part of the output.
type Cause string

// The causes.
const (
	CauseToken    Cause = "token"    // missing or wrong
	CauseTaken    Cause = "taken"    // the room is somebody else's
	CauseLimit    Cause = "limit"    // one of Limits, or of a source
	CauseAbsent   Cause = "absent"   // the listener did not take the call
	CauseGuesses  Cause = "guesses"  // the source burnt too many rooms
	CauseCall     Cause = "call"     // no such call
	CauseLeaving  Cause = "leaving"  // the relay drains
	CauseProtocol Cause = "protocol" // not this protocol, or another version
	CauseSlow     Cause = "slow"     // no request in time, or gave way to others
	CauseFiles    Cause = "files"    // too few file descriptors
	CauseBytes    Cause = "bytes"    // a link that went over Limits.Bytes
	CauseIdle     Cause = "idle"     // a link on which nothing came
)

// roundBytes keeps one digit and a half: 1, 1.5, 2, 3, 5, 7 times a power of ten.
func roundBytes(n int64) int64 {
	for p := int64(1); ; p *= 10 {
		for _, step := range []int64{10, 15, 20, 30, 50, 70} {
			if at := p * step / 10; n <= at {
				return at
			}
		}
		if p > 1<<58 {
			return n
		}
	}
}
