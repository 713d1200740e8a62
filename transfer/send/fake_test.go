package send

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"ferry/framing"
)

// frame is one frame that a fakeStream carries.
type frame struct {
	t    framing.Type
	body []byte
}

// fakeStream is a framing.Stream in memory. What is sent on it reaches sent, and what it
// reads comes from come.
type fakeStream struct {
	sent func(t framing.Type, body []byte)
	come chan frame
	keep func(done func()) // has what is lent; nil gives it back at once

	next    []byte
	mu      sync.Mutex
	flushes int
}

func (s *fakeStream) Send(_ bool, t framing.Type, parts ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent(t, slices.Concat(parts...))
	return nil
}

func (s *fakeStream) Lend(t framing.Type, head, body []byte, done func()) error {
	err := s.Send(false, t, head, body)
	if s.keep != nil {
		s.keep(done)
	} else {
		done()
	}
	return err
}

func (s *fakeStream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes++
	return nil
}

func (s *fakeStream) Next() (framing.Type, int, error) {
	f, ok := <-s.come
	if !ok {
		return 0, 0, io.EOF
	}
	s.next = f.body
	return f.t, len(f.body), nil
}

func (s *fakeStream) Body() ([]byte, error) { return s.next, nil }
func (s *fakeStream) Remaining() int        { return len(s.next) }

func (s *fakeStream) ReadFull(p []byte) error {
	n := copy(p, s.next)
	s.next = s.next[n:]
	return nil
}

// fakeLink is a link of one fakeStream to a peer that the test plays.
type fakeLink struct {
	stream  *fakeStream
	caps    uint64
	done    chan struct{}
	once    sync.Once
	aborted error
}

func (l *fakeLink) Stream(int) framing.Stream                   { return l.stream }
func (l *fakeLink) NumStreams() int                             { return 1 }
func (l *fakeLink) Growth() (int, <-chan struct{})              { return 1, nil }
func (l *fakeLink) Dialled() bool                               { return true }
func (l *fakeLink) Grow(ctx context.Context, _ int) error       { <-ctx.Done(); return ctx.Err() }
func (l *fakeLink) AllowStreams(int)                            {}
func (l *fakeLink) Near() bool                                  { return false }
func (l *fakeLink) Peer() (string, uint64, uint16)              { return "nowhere", l.caps, 1 }
func (l *fakeLink) SetState(func() (uint8, uint64))             {}
func (l *fakeLink) PeerState() (h framing.Heartbeat, ok bool)   { return h, false }
func (l *fakeLink) Received() uint64                            { return 0 }
func (l *fakeLink) Lost() (since time.Time, err error, ok bool) { return since, nil, false }
func (l *fakeLink) RetryFor() time.Duration                     { return 0 }
func (l *fakeLink) LimitRetry(time.Duration)                    {}
func (l *fakeLink) EndWriting()                                 {}
func (l *fakeLink) Part()                                       {}
func (l *fakeLink) Done() <-chan struct{}                       { return l.done }
func (l *fakeLink) Err() error                                  { return l.aborted }
func (l *fakeLink) Resent() int64                               { return 0 }
func (l *fakeLink) Traffic() int64                              { return 0 }

func (l *fakeLink) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *fakeLink) Abort(err error) {
	l.aborted = err
	_ = l.Close()
}

// heard is an Owner that counts.
type heard struct {
	mu    sync.Mutex
	moved int64
	freed int
}

func (h *heard) Moved(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moved += n
}

func (h *heard) Free() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.freed++
}

// pattern is content of n bytes.
func pattern(n int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n] }
