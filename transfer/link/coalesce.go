package link

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeBuffer holds the largest frame with the overhead of its records.
	writeBuffer = 272 << 10
	readBuffer  = sealedHead + maxSealed + sealedTag + readSlack
	// tlsHead is the length of a TLS record's header, which ends in that of the rest.
	tlsHead = 5
	// strangerBuffer is all that a connection without proof gets.
	strangerBuffer = 4 << 10
	// handshakeLimit is what the other side may say in its TLS handshake, in bytes: a
	// ferry says less than 3 KiB, with the post-quantum share and a certificate.
	handshakeLimit = 16 << 10
	// strangerLimit is what it may say in all before its proof: HELLO, PROOF and all
	// PADs come on top, each in a TLS record, and what was read ahead.
	strangerLimit = handshakeLimit + (maxPads+3)*(strangerBuffer+64)
)

var (
	errLongHandshake = fmt.Errorf("a TLS handshake of more than %d bytes", handshakeLimit)
	errLongLadder    = fmt.Errorf("more than %d bytes before the proof", strangerLimit)
)

// errCut is what a connection's end is below TLS. Not io.EOF itself: crypto/tls
// passes that on as an orderly end when it comes between two records, and then
// anybody on the way could end a stream unnoticed.
var errCut = fmt.Errorf("the connection was cut: %w", io.ErrUnexpectedEOF)

// coalescer is the connection under TLS. crypto/tls writes each record of 16 KiB
// by itself; here records gather until Flush or until writeBuffer is full, and
// one read takes what the kernel has.
//
// Read belongs to one goroutine at a time, which channel.reading sees to. Write
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
	// left is how much of a TLS record is still to be handed out. Before the proof
	// TLS gets no more than the record that it is at: what comes after the last of
	// them may not be for TLS. It is -1 once TLS may have all.
	left int
	// bulky: what is read belongs to a long sealed record, of which none is handed
	// on before all of it is there.
	bulky bool
	// partial: what is read is the rest of a sealed record, whose length is not known
	// to be true before all of it is there. If it is not, then what keeps the link alive
	// disappears in it: so less than dripLeast of it is no sign of life.
	partial bool
	drip    int // bytes of it since the last sign of life
	said    int // bytes that came before the proof
}

// dripLeast is what comes within seconds over any line that is of use, in bytes, and
// not within minutes of heartbeats.
const dripLeast = 4 << 10

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
	c.left = -1
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
	c.start, c.end = 0, 0
	return c.more(len(c.in))
}

// more reads behind what is there, up to limit in the buffer.
func (c *coalescer) more(limit int) error {
	if c.handshake.Load() {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	n, err := c.Conn.Read(c.in[c.end:limit])
	c.end += n
	if err := c.bound(n); err != nil {
		return err
	}
	if n > 0 {
		c.heard(n)
		if c.bulky {
			c.pulse.bulk.Add(uint64(n))
		}
		return nil
	}
	return cut(err)
}

// bound counts n more bytes of a side that has not proved itself.
func (c *coalescer) bound(n int) error {
	if c.pulse != nil {
		return nil
	}
	c.said += n
	switch {
	case c.said > handshakeLimit && c.handshake.Load():
		return errLongHandshake
	case c.said > strangerLimit:
		return errLongLadder
	}
	return nil
}

// want returns the next n bytes, at most those of a sealed record, without
// taking them.
func (c *coalescer) want(n int) ([]byte, error) {
	for c.end-c.start < n {
		if c.start+n > len(c.in) || c.start == c.end {
			c.end = copy(c.in, c.in[c.start:c.end])
			c.start = 0
		}
		if err := c.more(min(len(c.in), c.start+n+readSlack)); err != nil {
			return nil, err
		}
	}
	return c.in[c.start : c.start+n], nil
}

func cut(err error) error {
	if err == io.EOF {
		return errCut
	}
	return err
}

func (c *coalescer) heard(n int) {
	c.traffic.Load().Add(int64(n))
	if c.pulse == nil {
		return
	}
	if c.partial {
		if c.drip += n; c.drip < dripLeast {
			return
		}
	}
	c.drip = 0
	c.pulse.touch()
}

// complete says that a record has come to its end.
func (c *coalescer) complete() {
	c.partial = false
	if c.drip > 0 {
		c.drip = 0
		c.pulse.touch()
	}
}

func (c *coalescer) Read(p []byte) (int, error) {
	if c.left == 0 {
		head, err := c.want(tlsHead)
		if err != nil {
			return 0, err
		}
		c.left = tlsHead + int(binary.BigEndian.Uint16(head[tlsHead-2:]))
	}
	if c.start == c.end {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	if c.left > 0 {
		p = p[:min(len(p), c.left)]
	}
	n := copy(p, c.in[c.start:c.end])
	c.start += n
	if c.left > 0 {
		c.left -= n
	}
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

// appendRecord has make append a record of n bytes to what is to be written.
func (c *coalescer) appendRecord(n int, make func([]byte) ([]byte, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out)+n > writeBuffer {
		c.flushLocked()
	}
	if c.err == nil {
		c.out, c.err = make(c.out)
	}
	return c.err
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
	last    atomic.Int64  // nanoseconds after base
	traffic atomic.Int64  // bytes, TLS included, in both directions
	bulk    atomic.Uint64 // bytes of long sealed records
}

func newPulse() *pulse { return &pulse{base: time.Now()} }

func (p *pulse) touch() { p.last.Store(int64(time.Since(p.base))) }

func (p *pulse) silence() time.Duration {
	return time.Since(p.base) - time.Duration(p.last.Load())
}
