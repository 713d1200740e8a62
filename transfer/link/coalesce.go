package link

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeBuffer holds the largest frame with the overhead of its TLS records.
	writeBuffer = 272 << 10
	readBuffer  = 256 << 10
	// strangerBuffer is all that a connection without proof gets.
	strangerBuffer = 4 << 10
)

// errCut is what a connection's end is below TLS. Not io.EOF itself: crypto/tls
// passes that on as an orderly end when it comes between two records, and then
// anybody on the way could end a stream unnoticed.
var errCut = fmt.Errorf("the connection was cut: %w", io.ErrUnexpectedEOF)

// coalescer is the connection under TLS. crypto/tls writes each record of 16 KiB
// by itself; here records gather until Flush or until writeBuffer is full, and
// one read takes what the kernel has.
//
// Read belongs to one goroutine at a time, which TLS's own lock sees to. Write
// and Flush may come from any: TLS answers some messages from Read's goroutine.
type coalescer struct {
	net.Conn
	pulse *pulse // told of every byte; nil before proof

	// traffic counts bytes of both directions: its own until proof, then those
	// of the link.
	traffic atomic.Pointer[atomic.Int64]

	// handshake: a Read flushes first, since TLS then waits for an answer to
	// what it wrote. Afterwards it must not: a reader that waits for room to
	// write, on both sides, waits for ever.
	handshake atomic.Bool

	mu  sync.Mutex // guards what follows
	out []byte
	err error // first failed write; what was given before may be lost

	in         []byte
	start, end int // unread part of in
}

func newCoalescer(c net.Conn) *coalescer {
	raw := &coalescer{Conn: c, in: make([]byte, strangerBuffer)}
	raw.traffic.Store(new(atomic.Int64))
	return raw
}

// promote gives a connection its full buffer once the peer is proven. Only for
// the goroutine that reads.
func (c *coalescer) promote(p *pulse) {
	in := make([]byte, readBuffer)
	c.end = copy(in, c.in[c.start:c.end])
	c.start = 0
	c.in = in
	c.pulse = p
	p.traffic.Add(c.traffic.Swap(&p.traffic).Load())
}

// awaitByte blocks until there is something to read.
func (c *coalescer) awaitByte() error {
	if c.start < c.end {
		return nil
	}
	return c.fill()
}

func (c *coalescer) fill() error {
	n, err := c.Conn.Read(c.in)
	c.start, c.end = 0, n
	if n > 0 {
		c.heard(n)
		return nil
	}
	return cut(err)
}

func cut(err error) error {
	if err == io.EOF {
		return errCut
	}
	return err
}

func (c *coalescer) heard(n int) {
	c.traffic.Load().Add(int64(n))
	if c.pulse != nil {
		c.pulse.touch()
	}
}

func (c *coalescer) Read(p []byte) (int, error) {
	if c.start == c.end {
		if c.handshake.Load() {
			if err := c.Flush(); err != nil {
				return 0, err
			}
		}
		if len(p) >= len(c.in) {
			n, err := c.Conn.Read(p)
			if n > 0 {
				c.heard(n)
			}
			return n, cut(err)
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.in[c.start:c.end])
	c.start += n
	return n, nil
}

func (c *coalescer) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out)+len(p) > writeBuffer {
		c.flushLocked()
	}
	if c.err != nil {
		return 0, c.err
	}
	c.out = append(c.out, p...)
	return len(p), nil
}

// Flush hands everything written so far to the kernel. Its error sticks.
func (c *coalescer) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushLocked()
	return c.err
}

func (c *coalescer) flushLocked() {
	if c.err != nil || len(c.out) == 0 {
		return
	}
	var n int
	n, c.err = c.Conn.Write(c.out)
	c.traffic.Load().Add(int64(n))
	c.out = c.out[:0]
}

// SetWriteDeadline does nothing. TLS sets one around its last message, which
// here only goes into the buffer, and leaves it in the past. The deadlines that
// count are set on Conn.
func (c *coalescer) SetWriteDeadline(time.Time) error { return nil }

// CloseWrite sends FIN where the connection knows of such a thing.
func (c *coalescer) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}

// pulse remembers when a link last heard anything, on the monotonic clock, and
// how much went over its connections.
type pulse struct {
	base    time.Time
	last    atomic.Int64 // nanoseconds after base
	traffic atomic.Int64 // bytes, TLS included, in both directions
}

func newPulse() *pulse { return &pulse{base: time.Now()} }

func (p *pulse) touch() { p.last.Store(int64(time.Since(p.base))) }

func (p *pulse) silence() time.Duration {
	return time.Since(p.base) - time.Duration(p.last.Load())
}
