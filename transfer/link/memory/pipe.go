package memory

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// buffer is how much one direction holds, in bytes.
const buffer = 512 << 10

// pipe is one direction: a ring of bytes. mu guards all of it, and cond is signalled at
// every change.
type pipe struct {
	mu             sync.Mutex
	cond           sync.Cond
	ring           []byte
	start, n       int
	reader, writer end
}

// end is the reading or the writing end of a pipe; the pipe's mu guards it.
type end struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer // wakes the goroutine that waits when the deadline passes
}

func (e *end) late() bool { return !e.deadline.IsZero() && !time.Now().Before(e.deadline) }

func newPipe() *pipe {
	p := &pipe{ring: make([]byte, buffer)}
	p.cond.L = &p.mu
	return p
}

func (p *pipe) setDeadline(e *end, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	e.deadline = t
	if !t.IsZero() && !e.closed {
		e.timer = time.AfterFunc(time.Until(t), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.cond.Broadcast()
		})
	}
	p.cond.Broadcast()
}

// close ends one end of the pipe and wakes the goroutine that waits at the other.
func (p *pipe) close(e *end) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	p.cond.Broadcast()
}

// read returns what is there, at most up to the ring's edge, and blocks for the
// first byte only. What was written before the writer closed is still read.
func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.reader.closed:
			return 0, net.ErrClosed
		case p.reader.late():
			return 0, os.ErrDeadlineExceeded
		case p.n > 0 || len(b) == 0:
			n := copy(b, p.ring[p.start:min(p.start+p.n, len(p.ring))])
			p.start, p.n = (p.start+n)%len(p.ring), p.n-n
			p.cond.Broadcast()
			return n, nil
		case p.writer.closed:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

// write blocks until all of b fits, as a socket does; done tells how much the
// reader may have seen when it fails.
func (p *pipe) write(b []byte) (done int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for done < len(b) {
		switch {
		case p.writer.closed:
			return done, net.ErrClosed
		case p.reader.closed:
			return done, io.ErrClosedPipe
		case p.writer.late():
			return done, os.ErrDeadlineExceeded
		case p.n < len(p.ring):
			at := (p.start + p.n) % len(p.ring)
			n := copy(p.ring[at:min(at+len(p.ring)-p.n, len(p.ring))], b[done:])
			p.n, done = p.n+n, done+n
			p.cond.Broadcast()
		default:
			p.cond.Wait()
		}
	}
	return done, nil
}
