package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"ferry/framing"
)

// stream carries frames, over one connection of a link at a time. Its reading half
// belongs to one goroutine of the caller at a time; its writing half may be used by any.
//
// Stream 0 must be read for as long as the link lasts: heartbeats come on it, and a link
// that hears nothing for Config.Timeout is lost.
type stream struct {
	number int
	owner  owner
	ending *ending
	paths  *paths
	in     inlet
	out    outlet

	// What follows belongs to the reading goroutine.
	r    *framing.Reader // on in
	rerr error           // sticks
}

// owner is what a stream asks of its link, and tells it. No lock of the stream is held
// meanwhile but that of its outlet.
type owner interface {
	// rejoins tells whether a lost connection is to be replaced.
	rejoins() bool
	// lost gives up all connections because nothing comes on ch any more. lostSoon does
	// so in a moment.
	lost(ch *channel, err error)
	lostSoon(ch *channel, err error)
	// writeBroken ends the link in a moment, and broken at once. They return what ended it.
	writeBroken(err error) error
	broken(err error) error
	// ackSoon says that enough has come to be acknowledged.
	ackSoon()
	// beats and acknowledges take frames of the link itself.
	beats(h framing.Heartbeat)
	acknowledges(a framing.Ack) error
}

// newStream makes stream number of a link. ch is its first connection, nil if another
// will come.
func newStream(number int, l *Link, ch *channel) *stream {
	s := &stream{number: number, owner: l, ending: &l.ending, paths: &l.paths,
		in:  inlet{number: number, owner: l, ending: &l.ending, tally: &l.tally, changed: make(chan struct{})},
		out: outlet{number: number, owner: l, ending: &l.ending, tally: &l.tally, room: make(chan struct{}, 1), ch: ch},
	}
	s.r = framing.NewReader(&s.in)
	return s
}

// Next returns the type of the next frame and the length of its body, which framing.Limit
// bounds. Frames of the link itself are taken in and passed over, and so is the PAD of an
// early build. An error is an *Error and sticks; one that wraps io.EOF is the orderly end
// of the other side's writing. A frame that breaks the rules does not end the link: the
// caller may still tell the peer before it does.
func (s *stream) Next() (framing.Type, int, error) {
	for s.rerr == nil {
		s.in.payload = false
		t, n, err := s.r.Next()
		if err != nil {
			return 0, 0, s.readFailed(err)
		}
		switch t {
		case framing.TypeHeartbeat, framing.TypeAck, framing.TypePaths, framing.TypePunch, framing.TypePad:
			if err := s.control(t); err != nil {
				return 0, 0, s.readFailed(err)
			}
		case framing.TypeHello, framing.TypeProof, framing.TypeRefuse, framing.TypeResume:
			return 0, 0, s.readFailed(&framing.Error{Type: t, Code: framing.CodeProtocol, Err: errUnexpected})
		default:
			if t >= framing.TypeRHello { // those of relays
				return 0, 0, s.readFailed(&framing.Error{Type: t, Code: framing.CodeProtocol, Err: errUnexpected})
			}
			s.in.payload = true
			return t, n, nil
		}
	}
	return 0, 0, s.rerr
}

// control takes in a frame of the link itself.
func (s *stream) control(t framing.Type) error {
	b, err := s.r.Body()
	if err != nil {
		return err
	}
	if s.number != 0 {
		return &framing.Error{Type: t, Code: framing.CodeProtocol, Err: errUnexpected}
	}
	switch t {
	case framing.TypeHeartbeat:
		m, err := framing.ParseHeartbeat(b)
		if err != nil {
			return err
		}
		s.owner.beats(m)
	case framing.TypeAck:
		return hear(b, framing.ParseAck, t, s.owner.acknowledges)
	case framing.TypePaths:
		return hear(b, framing.ParsePaths, t, s.paths.hear)
	case framing.TypePunch:
		return hear(b, framing.ParsePunch, t, s.paths.hearPunch)
	}
	return nil
}

// hear parses a frame and gives it to take, whose error is a broken rule.
func hear[M any](body []byte, parse func([]byte) (M, error), t framing.Type, take func(M) error) error {
	m, err := parse(body)
	if err != nil {
		return err
	}
	if err := take(m); err != nil {
		return &framing.Error{Type: t, Code: framing.CodeProtocol, Err: err}
	}
	return nil
}

// Body returns the rest of the current frame's body, valid until the next call of Body or
// Next.
func (s *stream) Body() ([]byte, error) {
	b, err := s.r.Body()
	if err != nil {
		return nil, s.readFailed(err)
	}
	return b, nil
}

// ReadFull fills p with the next bytes of the current frame's body.
func (s *stream) ReadFull(p []byte) error {
	if err := s.r.ReadFull(p); err != nil {
		return s.readFailed(err)
	}
	return nil
}

// Remaining returns how many bytes of the current body are not read yet.
func (s *stream) Remaining() int { return s.r.Remaining() }

// readFailed makes err stick. A broken rule and an orderly end stay with this stream;
// anything else has ended the link already.
func (s *stream) readFailed(err error) error {
	if s.rerr != nil {
		return s.rerr
	}
	var fe *framing.Error
	switch {
	case s.ending.closing.Load():
		s.rerr = s.ending.cause(&Error{Code: framing.CodeLost, Op: "read", Err: net.ErrClosed})
	case errors.As(err, &fe), err == io.EOF:
		s.rerr = s.ending.cause(&Error{Code: codeOf(err), Op: "read", Err: fmt.Errorf("stream %d: %w", s.number, err)})
	default:
		s.rerr = s.owner.broken(wrap("read", fmt.Errorf("stream %d: %w", s.number, err)))
	}
	return s.rerr
}

// Send writes one frame whose body is the parts, one after another; they are copied if
// they have to be kept. Without flush the frame may wait in a buffer, of some 270 KiB, for
// the next Flush, heartbeat or frame that finds no room. Send blocks while the peer takes
// nothing, and, once replayLimit bytes are on their way, while the link is lost. The error
// is an *Error and sticks.
func (s *stream) Send(flush bool, t framing.Type, parts ...[]byte) error {
	return s.out.send(flush, t, parts...)
}

// Lend is Send whose body is not copied. The caller leaves it as it is until done is
// called, from whichever goroutine: when the other side has it, or at once if it need not
// be kept. After an error, or when the link ends before, done is not called.
func (s *stream) Lend(t framing.Type, head, body []byte, done func()) error {
	free, err := s.out.lend(t, head, loan{body, done})
	if err == nil && free {
		done()
	}
	return err
}

// Flush hands all frames sent so far to the kernel.
func (s *stream) Flush() error { return s.out.flush() }

// finish ends the writing half in order and takes in what still comes, so that closing
// does not reset the connection under the peer's last read. A stream without a connection
// has nobody to tell.
func (s *stream) finish() error {
	ch := s.in.current()
	if ch == nil {
		return nil
	}
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-ch.resent: // the end comes behind it
	case <-limit.C:
	}
	if err := s.out.finish(ch); err != nil {
		return fmt.Errorf("stream %d: %w", s.number, err)
	}
	buf := make([]byte, 4<<10)
	for rerr := error(nil); rerr == nil; {
		_, rerr = ch.Read(buf)
	}
	return nil
}
