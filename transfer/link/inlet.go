package link

import (
	"fmt"
	"io"
	"net"
	"sync"

	"ferry/framing"
)

// ackStep is how many bytes come before they are acknowledged. It is what the other side
// keeps at the least.
const ackStep = 512 << 10

// inlet is the reading half of a stream: its bytes, over one connection after another, as
// if they were one. It counts them from the stream's beginning. A reader sees a pause
// while there is no connection.
type inlet struct {
	number int
	owner  owner
	ending *ending
	tally  *tally

	payload bool // the current frame is for the caller; owned by the reading goroutine

	mu       sync.Mutex    // guards what follows; no other lock is taken under it
	ch       *channel      // nil while there is none
	changed  chan struct{} // closed and replaced when ch is set
	received uint64
	told     uint64 // of received, what the peer knows
}

// Read returns the stream's next bytes, io.EOF at its orderly end, or what ended the
// link.
func (in *inlet) Read(p []byte) (int, error) {
	for {
		ch, err := in.await()
		if err != nil {
			return 0, err
		}
		n, err := ch.Read(p)
		switch {
		case !in.count(ch, n):
			continue // from a connection that was replaced: these bytes come again
		case n > 0:
			return n, nil // an error comes again too
		case err == io.EOF:
			if in.number == 0 {
				in.ending.leaving.Store(true)
			}
			return 0, io.EOF
		case err != nil:
			in.failed(ch, wrap("read", fmt.Errorf("stream %d: %w", in.number, err)))
		}
	}
}

// await returns the connection to read from, once there is one.
func (in *inlet) await() (*channel, error) {
	for {
		in.mu.Lock()
		ch, changed := in.ch, in.changed
		in.mu.Unlock()
		if ch != nil {
			return ch, nil
		}
		select {
		case <-changed:
		case <-in.ending.over():
			return nil, in.ending.cause(&Error{Code: framing.CodeLost, Op: "read", Err: net.ErrClosed})
		}
	}
}

// count takes n bytes that came on ch as received, unless ch is replaced.
func (in *inlet) count(ch *channel, n int) (current bool) {
	in.mu.Lock()
	if in.ch != ch {
		in.mu.Unlock()
		return false
	}
	in.received += uint64(n)
	much := in.received-in.told >= ackStep
	in.mu.Unlock()
	if in.payload {
		in.tally.heard.Add(uint64(n))
	}
	if much {
		in.owner.ackSoon()
	}
	return true
}

// failed gives up ch, on which nothing comes any more. On a further stream that is not the
// link's end yet: the other side may be closing, and its reason on the way on stream 0.
func (in *inlet) failed(ch *channel, err error) {
	if in.number == 0 {
		in.owner.lost(ch, err)
		return
	}
	in.mu.Lock()
	current := in.ch == ch
	if current {
		_ = ch.raw.Close()
		in.ch = nil
	}
	in.mu.Unlock()
	if current {
		in.owner.lostSoon(ch, err)
	}
}

// unacknowledged returns how much has come, if enough of it is to be acknowledged, and
// takes that as told.
func (in *inlet) unacknowledged() (received uint64, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ch == nil || in.received-in.told < ackStep {
		return 0, false
	}
	in.told = in.received
	return in.received, true
}

// position is how many bytes have come.
func (in *inlet) position() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.received
}

// current is the connection in force, nil while there is none.
func (in *inlet) current() *channel {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ch
}

// detach gives the connection up: what comes on it from here is not counted. It returns
// how much was received.
func (in *inlet) detach() (received uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ch != nil {
		_ = in.ch.raw.Close() // and with it a Read or Write under way
		in.ch = nil
	}
	return in.received
}

// attach has reading go on over ch. What came before is told to the peer with that.
func (in *inlet) attach(ch *channel) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ch, in.told = ch, in.received
	close(in.changed)
	in.changed = make(chan struct{})
}
