package transfer

import (
	"context"
	"time"

	"ferry/framing"
)

// Link is what a delivery needs of the channel to the other side, which has proved itself.
// A *link.Link is all three parts. Methods may be called from any goroutine.
type Link struct {
	Streams
	Liveness
	Ending
}

// Streams are the streams of a link. Stream 0 is there from the start, carries control as
// well as content, and must be read for as long as the link lasts.
type Streams interface {
	// Stream carries the frames of stream i, of those that are there.
	Stream(i int) framing.Stream
	NumStreams() int
	// Growth is NumStreams, and what is closed when there are more.
	Growth() (n int, more <-chan struct{})
	// Dialled reports that this side opens streams: Grow brings the link to n of them. At
	// the other side AllowStreams says how many may come, stream 0 included.
	Dialled() bool
	Grow(ctx context.Context, n int) error
	AllowStreams(n int)
}

// Liveness says who the other side is, whether it lives, and what each side does.
type Liveness interface {
	// Peer is the other side's address, the framing.Cap… bits that both sides have, and the
	// version of the protocol.
	Peer() (addr string, caps uint64, version uint16)
	// Near tells that the other side is on this machine, whatever lies between. False may
	// also mean that the system does not tell.
	Near() bool
	// SetState names the function that heartbeats ask for a framing.State and for a number
	// that grows with all that gets done. It must not block.
	SetState(func() (state uint8, progress uint64))
	// PeerState is the last heartbeat of the other side; ok is false before the first.
	PeerState() (h framing.Heartbeat, ok bool)
	// Received is how many bytes of frames have come, but for frames of the link itself.
	Received() uint64
	// Lost tells since when the link is lost and waited for, and why; ok is false while it
	// is up.
	Lost() (since time.Time, cause error, ok bool)
	// RetryFor is how long a lost link is waited for; LimitRetry makes that no more than d.
	RetryFor() time.Duration
	LimitRetry(d time.Duration)
}

// Ending is how a link ends, and what it came to.
type Ending interface {
	// EndWriting says that this side sends nothing more. Part says, before the goodbye, that
	// the other side may have ended its writing: nothing that is sent from then on waits to
	// be acknowledged.
	EndWriting()
	Part()
	// Close ends the link in order. Abort ends it at once, with err as the cause.
	Close() error
	Abort(err error)
	// Done is closed when the link has ended; Err is why, nil before.
	Done() <-chan struct{}
	Err() error
	// Resent and Traffic are bytes: of frames that were sent again because the link was
	// lost, and of all that crossed in both directions.
	Resent() int64
	Traffic() int64
}
