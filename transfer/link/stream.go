package link

import (
	"errors"
	"fmt"
	"io"
	"net"

	"ferry/framing"
)

// Stream carries frames, over one connection of a link at a time. Its reading
// half belongs to one goroutine of the caller at a time; its writing half may be
// used by any.
//
// Stream 0 must be read for as long as the link lasts: heartbeats come on it,
// and a link that hears nothing for Config.Timeout is lost.
type Stream struct {
	link   *Link
	number int
	bytes  *conduit
	r      *framing.Reader // on bytes
	w      *framing.Writer // on bytes, under its wmu

	rerr error // sticky; belongs to the reading goroutine
}

// newStream takes over a proven channel: all frames are allowed on it from here.
func newStream(l *Link, number int, c *channel) *Stream {
	b := newConduit(l, number, c)
	return &Stream{link: l, number: number, bytes: b, r: framing.NewReader(b), w: framing.NewWriter(b)}
}

// Next returns the type of the next frame and the length of its body, which
// framing.Limit bounds. Heartbeats are taken note of and passed over, and so is the PAD of an early build. An error
// is an *Error and sticks; one that wraps io.EOF is the orderly end of the
// other side's writing. A frame that breaks the rules does not end the link:
// the caller may still tell the peer before it does.
func (s *Stream) Next() (framing.Type, int, error) {
	for s.rerr == nil {
		s.bytes.says = false
		t, n, err := s.r.Next()
		if err != nil {
			return 0, 0, s.readFailed(err)
		}
		s.bytes.says = t != framing.TypeHeartbeat && t != framing.TypeAck && t != framing.TypePad
		switch t {
		case framing.TypeHeartbeat:
			if err := s.heartbeat(); err != nil {
				return 0, 0, s.readFailed(err)
			}
		case framing.TypeAck:
			if err := s.acknowledged(); err != nil {
				return 0, 0, s.readFailed(err)
			}
		case framing.TypePad:
			if _, err := s.control(framing.TypePad); err != nil {
				return 0, 0, s.readFailed(err)
			}
		case framing.TypeHello, framing.TypeProof, framing.TypeRefuse, framing.TypeResume:
			return 0, 0, s.readFailed(&framing.Error{Type: t, Code: framing.CodeProtocol, Err: errUnexpected})
		default:
			return t, n, nil
		}
	}
	return 0, 0, s.rerr
}

func (s *Stream) heartbeat() error {
	b, err := s.control(framing.TypeHeartbeat)
	if err != nil {
		return err
	}
	m, err := framing.ParseHeartbeat(b)
	if err != nil {
		return err
	}
	s.link.peerState.Store(&m)
	return nil
}

func (s *Stream) acknowledged() error {
	b, err := s.control(framing.TypeAck)
	if err != nil {
		return err
	}
	m, err := framing.ParseAck(b)
	if err != nil {
		return err
	}
	of := s.link.stream(int(m.Stream))
	if of == nil {
		return &framing.Error{Type: framing.TypeAck, Code: framing.CodeProtocol, Err: errNoStream}
	}
	if err := of.bytes.acknowledge(m.Received); err != nil {
		return &framing.Error{Type: framing.TypeAck, Code: framing.CodeProtocol, Err: err}
	}
	return nil
}

// control is the body of a frame that belongs on stream 0.
func (s *Stream) control(t framing.Type) ([]byte, error) {
	b, err := s.r.Body()
	if err == nil && s.number != 0 {
		err = &framing.Error{Type: t, Code: framing.CodeProtocol, Err: errUnexpected}
	}
	return b, err
}

// Body returns the rest of the current frame's body, valid until the next call
// of Body or Next.
func (s *Stream) Body() ([]byte, error) {
	b, err := s.r.Body()
	if err != nil {
		return nil, s.readFailed(err)
	}
	return b, nil
}

// ReadFull fills p with the next bytes of the current frame's body.
func (s *Stream) ReadFull(p []byte) error {
	if err := s.r.ReadFull(p); err != nil {
		return s.readFailed(err)
	}
	return nil
}

// Remaining returns how many bytes of the current body are not read yet.
func (s *Stream) Remaining() int { return s.r.Remaining() }

// readFailed makes err sticky. A broken rule and an orderly end stay with this
// stream; anything else has ended the link already.
func (s *Stream) readFailed(err error) error {
	if s.rerr != nil {
		return s.rerr
	}
	var fe *framing.Error
	switch {
	case s.link.closing.Load():
		s.rerr = s.link.cause(&Error{Code: framing.CodeLost, Op: "read", Err: net.ErrClosed})
		return s.rerr
	case errors.As(err, &fe), err == io.EOF:
		s.rerr = s.link.cause(&Error{Code: codeOf(err), Op: "read", Err: fmt.Errorf("stream %d: %w", s.number, err)})
		return s.rerr
	}
	s.rerr = s.link.broken(wrap("read", fmt.Errorf("stream %d: %w", s.number, err)))
	return s.rerr
}

// Send writes one frame whose body is the parts, one after another; they are
// copied if they have to be kept. Without flush the frame may wait in a buffer
// of writeBuffer bytes for the next Flush, heartbeat or frame that finds no
// room. Send blocks while the peer takes nothing, and, once replayLimit bytes
// are on their way, while the link is lost. The error is an *Error and sticks.
func (s *Stream) Send(flush bool, t framing.Type, parts ...[]byte) error {
	s.bytes.wmu.Lock()
	defer s.bytes.wmu.Unlock()
	return s.send(flush, t, parts...)
}

// Lend is Send whose body is not copied. The caller leaves it as it is until
// done is called, from whichever goroutine: when the other side has it, or at
// once if it need not be kept. After an error, or when the link ends before,
// done is not called.
func (s *Stream) Lend(t framing.Type, head, body []byte, done func()) error {
	s.bytes.wmu.Lock()
	defer s.bytes.wmu.Unlock()
	s.bytes.lent, s.bytes.done = body, done
	err := s.send(false, t, head, body)
	left := s.bytes.done
	s.bytes.lent, s.bytes.done = nil, nil
	if err == nil && left != nil {
		left() // it was copied
	}
	return err
}

// send needs wmu.
func (s *Stream) send(flush bool, t framing.Type, parts ...[]byte) error {
	// What keeps a link alive is little, and what makes room may not wait for it.
	if t != framing.TypeHeartbeat && t != framing.TypeAck {
		if err := s.bytes.awaitRoom(); err != nil {
			return err
		}
	}
	if s.link.ended.Load() {
		return nil // under wmu, so that nothing follows the end
	}
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.w.WriteFrame(t, parts...); err != nil {
		return s.sendFailed(err)
	}
	if flush {
		return s.bytes.flush()
	}
	return nil
}

// Flush hands all frames sent so far to the kernel.
func (s *Stream) Flush() error {
	s.bytes.wmu.Lock()
	defer s.bytes.wmu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	return s.bytes.flush()
}

// writable says why nothing may be sent any more.
func (s *Stream) writable() error {
	if s.link.closing.Load() {
		return &Error{Code: framing.CodeLost, Op: "write", Err: net.ErrClosed}
	}
	return s.link.Err()
}

// sendFailed tells the caller's mistake, of which nothing was written, from the
// link's end.
func (s *Stream) sendFailed(err error) error {
	var fe *framing.Error
	if errors.As(err, &fe) {
		return &Error{Code: fe.Code, Op: "write", Err: err}
	}
	return wrap("write", err)
}

// finish ends the writing half in order and takes in what still comes, so that
// closing does not reset the connection under the peer's last read. A stream
// without a connection has nobody to tell.
func (s *Stream) finish() error {
	c := s.bytes.conn()
	if c == nil {
		return nil
	}
	if err := s.bytes.finishWriting(c); err != nil {
		return fmt.Errorf("stream %d: %w", s.number, err)
	}
	buf := make([]byte, 4<<10)
	for rerr := error(nil); rerr == nil; {
		_, rerr = c.Read(buf)
	}
	return nil
}
