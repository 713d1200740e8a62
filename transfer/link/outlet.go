package link

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"ferry/framing"
)

// wholeWrite is the length in bytes from which the last part of a frame goes out as it
// lies: fewer bytes are copied behind the frame's header.
const wholeWrite = 16 << 10

// outlet is the writing half of a stream: frames, over one connection after another. What
// the peer has not acknowledged is kept, and sent again on the next connection. If the
// link is not to be joined again, nothing is kept.
type outlet struct {
	number int
	owner  owner
	ending *ending
	tally  *tally
	kept   replay        // has a lock of its own, the last to be taken
	room   chan struct{} // capacity 1: kept got smaller

	// mu is held for one frame, so a heartbeat waits for one at most. Under it the locks
	// of the stream's inlet, of kept and of ending may be taken.
	mu   sync.Mutex
	ch   *channel // nil while there is none
	shut *channel // half-closed
	sent uint64   // up to where kept was written to some connection
	buf  []byte   // header and small parts of a frame
	err  error    // of the caller's own mistake; sticks
}

// loan is bytes of the caller, who leaves them as they are until back is called.
type loan struct {
	bytes []byte
	back  func()
}

// send writes one frame whose body is the parts; they are copied if they have to be kept.
func (o *outlet) send(flush bool, t framing.Type, parts ...[]byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if skip, err := o.begin(t); skip || err != nil {
		return err
	}
	var whole []byte
	if n := len(parts); n > 0 && len(parts[n-1]) >= wholeWrite {
		whole, parts = parts[n-1], parts[:n-1]
	}
	if err := o.header(t, len(whole), parts...); err != nil {
		return err
	}
	if whole != nil {
		if err := o.copy(whole); err != nil {
			return err
		}
	}
	if flush {
		return o.flushLocked()
	}
	return nil
}

// lend writes one frame whose body is head and then l, which is kept as it lies. free
// tells that it was not kept, so that the caller may have it back at once.
func (o *outlet) lend(t framing.Type, head []byte, l loan) (free bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if skip, err := o.begin(t); skip || err != nil {
		return err == nil, err
	}
	if len(l.bytes) < wholeWrite {
		return true, o.header(t, 0, head, l.bytes)
	}
	if err := o.header(t, len(l.bytes), head); err != nil {
		return false, err
	}
	if !o.owner.rejoins() {
		return true, o.write(l.bytes)
	}
	o.kept.keep(l)
	return false, o.write(l.bytes)
}

// begin waits until a frame of that type may be written. skip tells that nothing is said
// any more. It needs mu, and lets go of it while it waits.
func (o *outlet) begin(t framing.Type) (skip bool, err error) {
	// What keeps a link alive is little, and what makes room may not wait for it.
	if t != framing.TypeHeartbeat && t != framing.TypeAck {
		if err := o.awaitRoom(); err != nil {
			return false, err
		}
	}
	if o.ending.said.Load() {
		return true, nil // under mu, so that nothing follows the end
	}
	return false, o.writable()
}

// awaitRoom waits until not too much is kept. It needs mu, and lets go of it while it
// waits: acknowledgements are sent under it too.
func (o *outlet) awaitRoom() error {
	for o.owner.rejoins() && o.kept.held() >= replayLimit {
		if o.ending.parting.Load() || o.ending.said.Load() {
			o.signal() // for other goroutines that wait
			return nil
		}
		o.mu.Unlock()
		select {
		case <-o.room:
		case <-o.ending.over():
		}
		o.mu.Lock()
		if err := o.ending.first(); err != nil || o.ending.closing.Load() {
			return err // closing: the caller sees to it
		}
	}
	return nil
}

// writable says why nothing may be sent any more.
func (o *outlet) writable() error {
	if o.ending.closing.Load() {
		return &Error{Code: framing.CodeLost, Op: "write", Err: net.ErrClosed}
	}
	if err := o.ending.first(); err != nil {
		return err
	}
	return o.err
}

// header writes a frame but for the last rest bytes of its body. It needs mu.
func (o *outlet) header(t framing.Type, rest int, parts ...[]byte) error {
	var err error
	if o.buf, err = framing.AppendFrame(o.buf[:0], t, rest, parts...); err != nil {
		var fe *framing.Error
		errors.As(err, &fe)
		o.err = &Error{Code: fe.Code, Op: "write", Err: err} // nothing of it was written
		return o.err
	}
	return o.copy(o.buf)
}

// copy keeps a copy of p and writes p. It needs mu.
func (o *outlet) copy(p []byte) error {
	if o.owner.rejoins() {
		o.kept.append(p)
	}
	return o.write(p)
}

// write sends p, which is kept if it has to be, if there is a connection. A failure is
// returned only when the link will not be joined again. It needs mu.
func (o *outlet) write(p []byte) error {
	if o.ch == nil {
		return nil
	}
	if _, err := o.ch.Write(p); err != nil {
		return o.failed(err)
	}
	o.sent = o.kept.position()
	return nil
}

// flush hands all frames sent so far to the kernel.
func (o *outlet) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.writable(); err != nil {
		return err
	}
	return o.flushLocked()
}

func (o *outlet) flushLocked() error {
	if o.ch == nil {
		return nil
	}
	if err := o.ch.Flush(); err != nil {
		return o.failed(err)
	}
	return nil
}

// failed gives up the connection after a failed write. It needs mu.
func (o *outlet) failed(err error) error {
	ch := o.ch
	err = wrap("write", fmt.Errorf("stream %d: %w", o.number, err))
	if !o.owner.rejoins() {
		return o.owner.writeBroken(err)
	}
	o.ch = nil
	o.owner.lostSoon(ch, err)
	return nil
}

// acknowledge takes the peer's word that it has received so much. Readers call it, so it
// waits for no writer. A word that was sent again over a new connection is old, and no
// harm.
func (o *outlet) acknowledge(received uint64) error {
	if !o.owner.rejoins() {
		return nil
	}
	if err := o.kept.drop(received); err != nil && err != errBehind {
		return fmt.Errorf("stream %d: %w", o.number, err)
	}
	o.signal()
	return nil
}

// signal wakes a goroutine that waits for room.
func (o *outlet) signal() {
	select {
	case o.room <- struct{}{}:
	default:
	}
}

// resend goes on over ch, if that is still the connection of in, from where the peer says
// it is. It returns when all that was kept is sent, or when that failed, which the link
// knows then.
func (o *outlet) resend(ch *channel, peer uint64, in *inlet) error {
	behind := o.kept.drop(peer) // what the peer has is given back, and under no lock
	o.mu.Lock()
	defer o.mu.Unlock()
	if in.current() != ch {
		return nil
	}
	if behind != nil {
		return protocolError("join", fmt.Errorf("stream %d: %w", o.number, behind))
	}
	o.signal()
	o.ch = ch
	again := max(o.sent, peer) - peer // the rest of what is kept goes for the first time
	n, err := o.kept.writeTo(ch)
	o.tally.resent.Add(int64(min(again, n)))
	o.sent = max(o.sent, peer+n)
	if err == nil {
		err = ch.Flush()
	}
	if err == nil && o.ending.said.Load() {
		err = o.shutDown(ch)
	}
	if err != nil {
		return o.failed(err)
	}
	return nil
}

// endWriting half-closes the connection in force. There is none while the link is lost:
// then resend does.
func (o *outlet) endWriting() {
	o.signal() // whatever waits for room has nothing to say any more
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ch == nil {
		return
	}
	if err := o.shutDown(o.ch); err != nil {
		_ = o.failed(err)
	}
}

// finish half-closes ch, unless that was done.
func (o *outlet) finish(ch *channel) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.shutDown(ch)
}

// shutDown sends, once, what tells the end from a cut. It needs mu.
func (o *outlet) shutDown(ch *channel) error {
	if o.shut == ch {
		return nil
	}
	if err := ch.CloseWrite(); err != nil {
		return err
	}
	o.shut = ch
	return nil
}
