package link

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryBuffer is how much one direction of a memory connection holds, in bytes.
const memoryBuffer = 512 << 10

// memoryConn is one end of a full-duplex connection in memory, with a buffer
// each way, deadlines and half-close. net.Pipe has no buffer: two sides that
// write at once would wait for each other, as no two sockets do.
type memoryConn struct{ in, out *memoryPipe }

func newMemoryConns() (a, b *memoryConn) {
	x, y := newMemoryPipe(), newMemoryPipe()
	return &memoryConn{in: x, out: y}, &memoryConn{in: y, out: x}
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *memoryConn) LocalAddr() net.Addr         { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr        { return memoryAddr{} }
func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	return nil
}
func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writer, t)
	return nil
}

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	c.out.setDeadline(&c.out.writer, t)
	return nil
}

func (c *memoryConn) CloseWrite() error { c.out.close(&c.out.writer); return nil }

func (c *memoryConn) Close() error {
	c.in.close(&c.in.reader)
	c.out.close(&c.out.writer)
	return nil
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// memoryPipe is one direction: a ring of bytes.
type memoryPipe struct {
	mu             sync.Mutex
	cond           sync.Cond
	ring           []byte
	start, n       int
	reader, writer memoryEnd
}

type memoryEnd struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer // wakes who waits when the deadline passes
}

func (e *memoryEnd) late() bool { return !e.deadline.IsZero() && !time.Now().Before(e.deadline) }

func newMemoryPipe() *memoryPipe {
	p := &memoryPipe{ring: make([]byte, memoryBuffer)}
	p.cond.L = &p.mu
	return p
}

func (p *memoryPipe) setDeadline(e *memoryEnd, t time.Time) {
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

// close ends one end of the pipe and wakes whoever waits at the other.
func (p *memoryPipe) close(e *memoryEnd) {
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
func (p *memoryPipe) read(b []byte) (int, error) {
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
func (p *memoryPipe) write(b []byte) (done int, err error) {
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

// memoryListener hands the other ends of dialled connections to Accept. Its
// channel has no buffer, so that a connection is either accepted or not made.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	a, b := newMemoryConns()
	select {
	case l.conns <- b:
		return a, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }
