package link

import (
	"fmt"
	"io"
	"net"
	"sync"

	"ferry/framing"
)

// ackStep is how many bytes come before they are acknowledged. It is what the
// other side keeps at the least.
const ackStep = 512 << 10

// conduit carries the bytes of one stream over one connection after another, as
// if it were one. Bytes are counted from the stream's beginning in each
// direction; what the peer has not acknowledged is kept and sent again on the
// next connection. Who reads or writes sees a pause.
type conduit struct {
	link   *Link
	number int

	mu       sync.Mutex    // guards the reading half
	in       *channel      // nil while there is none
	changed  chan struct{} // closed and replaced when in is set
	received uint64
	told     uint64 // of received, what the peer knows
	says     bool   // what is read is for whoever reads the frames; that one's

	wmu  sync.Mutex    // held for one frame, so heartbeats wait for one at most
	out  *channel      // under wmu; nil while there is none
	kept replay        // empty if the link is not to be joined again
	lent []byte        // what Write need not copy, under wmu
	done func()        // for lent, under wmu; nil once it is kept
	sent uint64        // up to where kept was written to some connection, under wmu
	shut *channel      // half-closed, under wmu
	room chan struct{} // capacity 1: kept got smaller
}

func newConduit(l *Link, number int, c *channel) *conduit {
	return &conduit{link: l, number: number, in: c, out: c, changed: make(chan struct{}), room: make(chan struct{}, 1)}
}

// Read returns the stream's next bytes, io.EOF at its orderly end, or what ended
// the link. While the connection is lost it waits.
func (c *conduit) Read(p []byte) (int, error) {
	for {
		ch, err := c.reading()
		if err != nil {
			return 0, err
		}
		n, err := ch.Read(p)
		switch {
		case !c.count(ch, n):
			continue // from a connection that was replaced: these bytes come again
		case n > 0:
			return n, nil // an error comes again too
		case err == io.EOF:
			if c.number == 0 {
				c.link.leaving.Store(true)
			}
			return 0, io.EOF
		case err != nil:
			c.readFailed(ch, wrap("read", fmt.Errorf("stream %d: %w", c.number, err)))
		}
	}
}

// readFailed gives up ch, on which nothing comes any more. Of a further stream
// that is not the link's end yet: the other side may be closing, and its reason
// on the way on stream 0.
func (c *conduit) readFailed(ch *channel, err error) {
	if c.number == 0 {
		c.link.lost(ch, err)
		return
	}
	c.mu.Lock()
	current := c.in == ch
	if current {
		_ = ch.raw.Close()
		c.in = nil
	}
	c.mu.Unlock()
	if current {
		c.link.lostSoon(ch, err)
	}
}

// reading returns the connection to read from, once there is one.
func (c *conduit) reading() (*channel, error) {
	for {
		c.mu.Lock()
		in, changed := c.in, c.changed
		c.mu.Unlock()
		if in != nil {
			return in, nil
		}
		select {
		case <-changed:
		case <-c.link.done:
			return nil, c.link.cause(&Error{Code: framing.CodeLost, Op: "read", Err: net.ErrClosed})
		}
	}
}

// count takes n bytes that came on ch as received, unless ch is replaced.
func (c *conduit) count(ch *channel, n int) (current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in != ch {
		return false
	}
	c.received += uint64(n)
	if c.says {
		c.link.heard.Add(uint64(n))
	}
	if c.received-c.told >= ackStep {
		c.link.ackSoon()
	}
	return true
}

// owed returns what is to be acknowledged, and takes it as told.
func (c *conduit) owed() (received uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in == nil || c.received-c.told < ackStep {
		return 0, false
	}
	c.told = c.received
	return c.received, true
}

// Write keeps p and sends it if there is a connection. It needs wmu. A failure
// is returned only when the link will not be joined again.
func (c *conduit) Write(p []byte) (int, error) {
	switch {
	case !c.link.rejoins():
	case c.done != nil && len(p) == len(c.lent) && &p[0] == &c.lent[0]:
		c.kept.lend(p, c.done)
		c.done = nil
	default:
		c.kept.append(p)
	}
	if c.out == nil {
		return len(p), nil
	}
	if _, err := c.out.Write(p); err != nil {
		return len(p), c.writeFailed(err)
	}
	c.sent = c.kept.position()
	return len(p), nil
}

// flush hands what was written to the kernel. It needs wmu.
func (c *conduit) flush() error {
	if c.out == nil {
		return nil
	}
	if err := c.out.Flush(); err != nil {
		return c.writeFailed(err)
	}
	return nil
}

func (c *conduit) writeFailed(err error) error {
	ch := c.out
	err = wrap("write", fmt.Errorf("stream %d: %w", c.number, err))
	if !c.link.rejoins() {
		return c.link.writeBroken(err)
	}
	c.out = nil
	c.link.lostSoon(ch, err)
	return nil
}

// awaitRoom waits until not too much is kept. It needs wmu, and lets go of it
// while it waits: acknowledgements are sent under it too.
func (c *conduit) awaitRoom() error {
	for c.link.rejoins() && c.kept.held() >= replayLimit {
		if c.link.parting.Load() || c.link.ended.Load() {
			c.signal() // for whoever waits too
			return nil
		}
		c.wmu.Unlock()
		select {
		case <-c.room:
		case <-c.link.done:
		}
		c.wmu.Lock()
		if err := c.link.Err(); err != nil || c.link.closing.Load() {
			return err // closing: the caller sees to it
		}
	}
	return nil
}

// acknowledge takes the peer's word that it has received so much. Readers call
// it, so it waits for no writer. One that was sent again over a new connection
// is old, and no harm.
func (c *conduit) acknowledge(received uint64) error {
	if !c.link.rejoins() {
		return nil
	}
	if err := c.kept.drop(received); err != nil && err != errBehind {
		return fmt.Errorf("stream %d: %w", c.number, err)
	}
	c.signal()
	return nil
}

func (c *conduit) signal() {
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// detach gives the connection up: what comes on it from here is not counted.
// It returns how much was received.
func (c *conduit) detach() (received uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in != nil {
		_ = c.in.raw.Close() // and with it a Read or Write under way
		c.in = nil
	}
	return c.received
}

// attach has the reading half go on over ch.
func (c *conduit) attach(ch *channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in, c.told = ch, c.received
	close(c.changed)
	c.changed = make(chan struct{})
}

// resend has the writing half go on over ch, from where the peer says it is. It
// returns when all that was kept is sent, or that failed, which the link knows
// then. Something else may have been attached meanwhile.
func (c *conduit) resend(ch *channel, peer uint64) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.conn() != ch {
		return nil
	}
	if err := c.kept.drop(peer); err != nil {
		return protocolError("join", fmt.Errorf("stream %d: %w", c.number, err))
	}
	c.signal()
	c.out = ch
	again := max(c.sent, peer) - peer // the rest of what is kept goes for the first time
	n, err := c.kept.writeTo(ch)
	c.link.resent.Add(int64(min(again, n)))
	c.sent = max(c.sent, peer+n)
	if err == nil {
		err = ch.Flush()
	}
	if err == nil && c.link.ended.Load() {
		err = c.shutDown(ch)
	}
	if err != nil {
		return c.writeFailed(err)
	}
	return nil
}

// endWriting half-closes the connection in force. There is none while the link is
// lost: then resend does.
func (c *conduit) endWriting() {
	c.signal() // whoever waits for room has nothing to say any more
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.out == nil {
		return
	}
	if err := c.shutDown(c.out); err != nil {
		_ = c.writeFailed(err)
	}
}

// finishWriting half-closes ch, unless that was done.
func (c *conduit) finishWriting(ch *channel) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.shutDown(ch)
}

// shutDown sends, once, what tells the end from a cut. It needs wmu.
func (c *conduit) shutDown(ch *channel) error {
	if c.shut == ch {
		return nil
	}
	if err := ch.CloseWrite(); err != nil {
		return err
	}
	c.shut = ch
	return nil
}

// conn is the connection in force, nil while there is none.
func (c *conduit) conn() *channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in
}
