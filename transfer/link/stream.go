package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"ferry/framing"
)

// Stream is one connection of a link. Its reading half belongs to one goroutine
// of the caller at a time; its writing half may be used by any.
//
// Stream 0 must be read for as long as the link lasts: heartbeats come on it,
// and a link that hears nothing for Config.Timeout ends.
type Stream struct {
	link   *Link
	number int
	c      *channel

	rerr error      // sticky; belongs to the reading goroutine
	wmu  sync.Mutex // held for one frame, so heartbeats wait for one at most
}

// newStream takes over a proven channel: all frames are allowed on it from here.
func newStream(l *Link, number int, c *channel) *Stream {
	c.r.Restrict()
	c.raw.promote(l.pulse)
	return &Stream{link: l, number: number, c: c}
}

// Next returns the type of the next frame and the length of its body, which
// framing.Limit bounds. Heartbeats are taken note of and passed over. An error
// is an *Error and sticks; one that wraps io.EOF is the orderly end of the
// other side's writing. A frame that breaks the rules does not end the link:
// the caller may still tell the peer before it does.
func (s *Stream) Next() (framing.Type, int, error) {
	for s.rerr == nil {
		t, n, err := s.c.r.Next()
		if err != nil {
			return 0, 0, s.readFailed(err)
		}
		switch t {
		case framing.TypeHeartbeat:
			if err := s.heartbeat(); err != nil {
				return 0, 0, s.readFailed(err)
			}
		case framing.TypeHello, framing.TypeProof, framing.TypeRefuse:
			return 0, 0, s.readFailed(&framing.Error{Type: t, Code: framing.CodeProtocol, Err: errUnexpected})
		default:
			return t, n, nil
		}
	}
	return 0, 0, s.rerr
}

func (s *Stream) heartbeat() error {
	b, err := s.c.r.Body()
	if err != nil {
		return err
	}
	if s.number != 0 {
		return &framing.Error{Type: framing.TypeHeartbeat, Code: framing.CodeProtocol, Err: errUnexpected}
	}
	m, err := framing.ParseHeartbeat(b)
	if err != nil {
		return err
	}
	s.link.peerState.Store(&m)
	return nil
}

// Body returns the rest of the current frame's body, valid until the next call
// of Body or Next.
func (s *Stream) Body() ([]byte, error) {
	b, err := s.c.r.Body()
	if err != nil {
		return nil, s.readFailed(err)
	}
	return b, nil
}

// ReadFull fills p with the next bytes of the current frame's body.
func (s *Stream) ReadFull(p []byte) error {
	if err := s.c.r.ReadFull(p); err != nil {
		return s.readFailed(err)
	}
	return nil
}

// Remaining returns how many bytes of the current body are not read yet.
func (s *Stream) Remaining() int { return s.c.r.Remaining() }

// readFailed makes err sticky. A broken rule and an orderly end stay with this
// stream; anything else is the connection, and takes the link with it.
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
// not kept. Without flush the frame may wait in a buffer of writeBuffer bytes
// for the next Flush, heartbeat or frame that finds no room. Send blocks while
// the peer takes nothing. The error is an *Error and sticks.
func (s *Stream) Send(flush bool, t framing.Type, parts ...[]byte) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.c.w.WriteFrame(t, parts...); err != nil {
		return s.writeFailed(err)
	}
	if flush {
		return s.flushLocked()
	}
	return nil
}

// Flush hands all frames sent so far to the kernel.
func (s *Stream) Flush() error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	return s.flushLocked()
}

// writable says why nothing may be sent any more.
func (s *Stream) writable() error {
	if s.link.closing.Load() {
		return &Error{Code: framing.CodeLost, Op: "write", Err: net.ErrClosed}
	}
	return s.link.Err()
}

func (s *Stream) flushLocked() error {
	if err := s.c.raw.Flush(); err != nil {
		return s.writeFailed(err)
	}
	return nil
}

func (s *Stream) writeFailed(err error) error {
	var fe *framing.Error
	if errors.As(err, &fe) {
		return &Error{Code: fe.Code, Op: "write", Err: err} // the caller's mistake; nothing was written
	}
	return s.link.writeBroken(wrap("write", fmt.Errorf("stream %d: %w", s.number, err)))
}

// finish ends the writing half in order and takes in what still comes, so that
// closing does not reset the connection under the peer's last read.
func (s *Stream) finish() error {
	if err := s.finishWriting(); err != nil {
		return err
	}
	buf := make([]byte, strangerBuffer)
	for rerr := error(nil); rerr == nil; {
		_, rerr = s.c.tls.Read(buf)
	}
	return nil
}

// finishWriting sends close_notify, which tells the end from a cut, and FIN.
func (s *Stream) finishWriting() error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if err := s.c.tls.CloseWrite(); err != nil {
		return fmt.Errorf("stream %d: ending TLS: %w", s.number, err)
	}
	if err := s.c.raw.Flush(); err != nil {
		return fmt.Errorf("stream %d: flushing: %w", s.number, err)
	}
	if err := s.c.raw.CloseWrite(); err != nil {
		return fmt.Errorf("stream %d: closing: %w", s.number, err)
	}
	return nil
}
