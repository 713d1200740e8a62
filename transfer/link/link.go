package link

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/link/record"
)

// Link is a proven channel to the other side: one or more streams. When its
// connections are lost it goes on over new ones. Its goroutines end with Close,
// which must be called whatever came before.
type Link struct {
	cfg     Config
	session [16]byte
	secret  []byte
	version uint16
	caps    uint64
	seal    bool // the other side seals records too
	pulse   *record.Pulse
	retry   atomic.Int64  // nanoseconds that a lost link is waited for
	resent  atomic.Int64  // bytes
	heard   atomic.Uint64 // bytes of frames that say something, see Received
	after   func() error  // the last step of Close; may be nil
	rtt     time.Duration // round trip of the handshake
	resist  atomic.Bool   // connections are to use lossControl, see ResistLoss
	deep    atomic.Bool   // connections are to have deep buffers, see Deepen

	// At the dialler only.
	conf        *tls.Config
	connect     func(ctx context.Context, addr string) (net.Conn, error) // nil at the listener
	addrDialled string                                                   // as named, to be resolved again
	tried       uint32                                                   // the last epoch that a rejoin was tried with; redial's
	pause       time.Duration                                            // before the next try; redial's
	mark        uint64                                                   // bytes received when pause was set back; redial's

	peerState  atomic.Pointer[framing.Heartbeat]
	state      atomic.Pointer[func() (uint8, uint64)]
	ended      atomic.Bool   // this side sends nothing more, see EndWriting
	parting    atomic.Bool   // the other side acknowledges nothing more, see Part
	closing    atomic.Bool   // by this side, in order
	leaving    atomic.Bool   // by the other side, in order
	acks       chan struct{} // capacity 1: something is to be acknowledged
	done       chan struct{} // closed when the link is over
	ctx        context.Context
	cancel     context.CancelFunc // of ctx, when the link is over
	wg         sync.WaitGroup
	closeBegun atomic.Bool
	closed     chan struct{} // closed when Close is done

	mu       sync.Mutex // guards what follows
	addr     string
	epoch    uint32
	down     *outage // nil while there are connections
	streams  []*Stream
	parked   map[int]*Stream // streams that came before a lower number
	grown    chan struct{}   // closed and replaced when streams grows
	allowed  int             // streams that the dialler may open
	err      error           // what ended the link; an *Error
	over     bool
	writeErr error // a failed write, see writeBroken
	giveUp   *time.Timer
}

var errTooMany = fmt.Errorf("a link has at most %d streams", MaxStreams)

// NumStreams returns how many streams the link has; it only grows.
func (l *Link) NumStreams() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.streams)
}

// Stream returns stream i, 0 <= i < NumStreams().
func (l *Link) Stream(i int) *Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams[i]
}

// Frames is Stream for whoever needs no more of it than its frames.
func (l *Link) Frames(i int) framing.Stream { return l.Stream(i) }

// Peer returns the other side's address, the capabilities that both sides have,
// and the protocol version in force.
func (l *Link) Peer() (addr string, caps uint64, version uint16) {
	return l.address(), l.caps, l.version
}

func (l *Link) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.addr
}

// stream returns stream i, nil if there is none.
func (l *Link) stream(i int) *Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= len(l.streams) {
		return nil
	}
	return l.streams[i]
}

// Session returns the id that names this session to the two ends of it.
func (l *Link) Session() [16]byte { return l.session }

// Epoch counts the links that a session has had before this one.
func (l *Link) Epoch() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// PeerState returns what the other side's last heartbeat said; ok is false
// before the first one.
func (l *Link) PeerState() (h framing.Heartbeat, ok bool) {
	p := l.peerState.Load()
	if p == nil {
		return framing.Heartbeat{}, false
	}
	return *p, true
}

// SetState names the function that says what this side is doing, for
// heartbeats. It must not block, on a disk least of all.
func (l *Link) SetState(f func() (state uint8, progress uint64)) { l.state.Store(&f) }

// Done is closed when the link is over, by failure, Abort or Close.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err returns the *Error that ended the link, nil while it lasts and after a
// Close that went well.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Abort ends the link at once; readers and writers get err. Close is still due.
func (l *Link) Abort(err error) {
	if err == nil {
		err = context.Canceled
	}
	l.broken(wrap("", err))
}

// EndWriting half-closes all streams: this side has said everything, and the
// other one need not wait for that when it closes the link. What is sent from
// here on goes nowhere, heartbeats and acknowledgements included, and Send returns
// no error for it; the other side waits for none of them after Part. A link that is
// lost before the other side has read the end of stream 0 is joined again, and
// half-closed again. EndWriting blocks while the peer takes nothing.
func (l *Link) EndWriting() {
	l.ended.Store(true)
	for _, s := range l.connected() {
		s.bytes.endWriting()
	}
}

// Part says that the other side may have ended its writing: what is sent from here
// on waits for no acknowledgement.
func (l *Link) Part() {
	l.parting.Store(true)
	for _, s := range l.connected() {
		s.bytes.signal()
	}
}

// Close ends the link in order: what was sent is flushed, each stream is half
// closed and then read until the other side does the same, each within 2 s.
// It returns once the link's goroutines are gone, with the first error of the link.
func (l *Link) Close() error {
	if l.closeBegun.CompareAndSwap(false, true) {
		l.close()
		close(l.closed)
	}
	<-l.closed
	return l.Err()
}

// close is the body of Close.
func (l *Link) close() {
	l.awaitConnection(closeLimit)
	l.closing.Store(true)
	streams := l.connected()
	var wg sync.WaitGroup
	errs := make([]error, len(streams))
	for i, s := range streams {
		if c := s.bytes.conn(); c != nil {
			// Both limits also end a Send or Next that is under way.
			_ = c.raw.Conn.SetWriteDeadline(time.Now().Add(closeLimit))
			_ = c.raw.Conn.SetReadDeadline(time.Now().Add(2 * closeLimit))
		}
		wg.Go(func() { errs[i] = s.finish() })
	}
	wg.Wait()
	var first error
	for _, err := range errs {
		if err != nil && first == nil {
			first = wrap("close", err)
		}
	}
	if l.after != nil {
		if err := l.after(); err != nil && first == nil {
			first = wrap("close", err)
		}
	}
	l.end(first)
	l.wg.Wait()
}

// connected is all, for callers without l.mu.
func (l *Link) connected() []*Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all()
}

// all returns the streams that have connections, published or not. It needs l.mu.
func (l *Link) all() []*Stream {
	all := append([]*Stream(nil), l.streams...)
	for _, s := range l.parked {
		all = append(all, s)
	}
	return all
}

// broken ends the link with err, unless something else has ended it before, and
// returns what did.
func (l *Link) broken(err error) error {
	l.end(err)
	return l.cause(err)
}

// cause returns what ended the link, or else err.
func (l *Link) cause(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	return err
}

// end is the one place where a link ends; only the first call counts. A failed
// write that waited in writeBroken came before err and goes before it.
func (l *Link) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	if l.writeErr != nil {
		err = l.writeErr
	}
	l.err = err
	if l.giveUp != nil {
		l.giveUp.Stop()
	}
	close(l.done)
	l.cancel()
	for _, s := range l.all() {
		s.bytes.detach() // nothing is owed on it: orderly ends have flushed before
	}
}

// writeBroken notes a failed write. The link ends a moment later, not at once:
// the other side's reason for closing may be on its way to the readers.
func (l *Link) writeBroken(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if l.writeErr == nil {
		l.writeErr = err
		if !l.over {
			l.giveUp = time.AfterFunc(closeLimit, func() { l.end(err) })
		}
	}
	return l.writeErr
}

// adopt makes a proven connection one of the link's.
func (l *Link) adopt(c *channel) error {
	if err := c.raw.Conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clearing the deadline: %w", err)
	}
	tune(c.raw.Conn, l.cfg.timeout()+userTimeLimit)
	if l.resist.Load() {
		resistLoss(c.raw.Conn) // it may have come to be forbidden
	}
	if l.deep.Load() {
		deepen(c.raw.Conn)
	}
	if l.cfg.Role == Receiver && c.trip() >= longPath {
		openWindow(c.raw.Conn)
	}
	c.raw.Promote(l.pulse)
	clear(c.exporter) // it has proved what it can
	if l.seal {
		return c.seal()
	}
	return nil
}

// add puts a proven connection into the link as stream number.
func (l *Link) add(number int, c *channel) error {
	if c.epoch > 0 {
		return l.addAgain(number, c)
	}
	if err := l.adopt(c); err != nil {
		return err
	}
	s := newStream(l, number, c)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over, l.closing.Load(), l.down != nil, l.epoch != c.epoch:
		return &Error{Code: framing.CodeLost, Op: "join", Err: net.ErrClosed}
	case number < len(l.streams):
		return protocolError("join", fmt.Errorf("stream %d exists", number))
	}
	l.park(number, s)
	if l.ended.Load() {
		l.wg.Go(s.bytes.endWriting)
	}
	return nil
}

// park keeps a stream until all with lower numbers are there. It needs l.mu.
func (l *Link) park(number int, s *Stream) {
	if old := l.parked[number]; old != nil && old != s {
		// Nobody reads it yet: the dialler has tried again.
		old.bytes.detach()
	}
	l.parked[number] = s
	for next := l.parked[len(l.streams)]; next != nil; next = l.parked[len(l.streams)] {
		delete(l.parked, len(l.streams))
		l.streams = append(l.streams, next)
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// addAgain is add on a link that was joined again: the stream goes on, or is new.
func (l *Link) addAgain(number int, c *channel) error {
	s := l.stream(number)
	if s == nil {
		s = newStream(l, number, nil)
	}
	peer, err := c.exchange(s.bytes.detach())
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.closing.Load() || l.down != nil || l.epoch != c.epoch {
		return &Error{Code: framing.CodeLost, Op: "join", Err: errStale}
	}
	if number >= len(l.streams) {
		l.park(number, s)
	}
	return l.carryOn(s.bytes, c, peer)
}
