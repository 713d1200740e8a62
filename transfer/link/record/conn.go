package record

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Sizes, in bytes.
const (
	// tlsHead is the length of a TLS record's header, which ends in that of the rest.
	tlsHead = 5
	// strangerBuffer is all that a connection without proof gets.
	strangerBuffer = 4 << 10
	// readBuffer holds the largest sealed record and what is read with it.
	readBuffer = head + maxSealed + tag + readSlack
	// readSlack is how much of what follows is read with a record: the next frame's
	// header, and little that would have to be moved.
	readSlack = 4 << 10
	// handshakeLimit bounds what the other side says in its TLS handshake. A ferry says
	// less than 3 KiB, with the post-quantum share and a certificate.
	handshakeLimit = 16 << 10
	// strangerLimit bounds what the other side says before its proof. HELLO, PROOF, the
	// 16 PADs of an early build and what was read ahead come on top of the handshake,
	// each in a TLS record.
	strangerLimit = handshakeLimit + (16+3)*(strangerBuffer+64)
)

// errLong says that the other side said more than it may before its proof.
var errLong = fmt.Errorf("more than %d bytes in a TLS handshake, or %d before the proof", handshakeLimit, strangerLimit)

// errCut is what a connection's end is below TLS. It is not io.EOF itself: crypto/tls
// passes that on as an orderly end when it comes between two records, and then anybody
// on the way could end a stream unnoticed.
var errCut = fmt.Errorf("the connection was cut: %w", io.ErrUnexpectedEOF)

// Conn is a connection with a buffer each way: records leave together, and one read
// takes what the kernel has. Its deadlines are those of the net.Conn inside.
//
// Read, AwaitByte and Promote belong to one goroutine at a time. Write and Flush may
// come from any.
type Conn struct {
	net.Conn
	raw *rawSocket // of Conn; nil if it has none
	out gather

	// traffic counts bytes of both directions: its own until Promote, then those of the
	// pulse.
	traffic atomic.Pointer[atomic.Int64]

	// handshake: a Read flushes first, since TLS then waits for an answer to what it
	// wrote. Afterwards it must not: a reader that waits for room to write, on both
	// sides, waits for ever.
	handshake atomic.Bool

	in         []byte
	start, end int // unread part of in
	// left is how much of a TLS record is still to be handed out. Before the proof TLS
	// gets no more than the record that it is at: what comes after the last record may
	// not be for TLS. It is -1 once TLS may have all.
	left int
	said int // bytes that came before the proof
	ear  ear
}

// NewConn returns a Conn for a peer that has not proved itself.
func NewConn(c net.Conn) *Conn {
	raw := &Conn{Conn: c, raw: rawOf(c), in: make([]byte, strangerBuffer)}
	raw.traffic.Store(new(atomic.Int64))
	return raw
}

// Handshake calls shake, which is that of a tls.Conn on c, and then sends what is still
// in the buffer if it failed: the alert that says why.
func (c *Conn) Handshake(shake func() error) error {
	c.handshake.Store(true)
	err := shake()
	c.handshake.Store(false)
	if err != nil {
		_ = c.Flush() // the first error counts
	}
	return err
}

// Promote gives a connection its full buffers once the peer is proven, and has p count
// what crosses it.
func (c *Conn) Promote(p *Pulse) {
	in := make([]byte, readBuffer)
	c.end = copy(in, c.in[c.start:c.end])
	c.start = 0
	c.in = in
	c.left = -1
	c.ear.pulse = p
	p.traffic.Add(c.traffic.Swap(&p.traffic).Load())
}

// AwaitByte blocks until there is something to read.
func (c *Conn) AwaitByte() error {
	if c.start < c.end {
		return nil
	}
	return c.fill()
}

func (c *Conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		header, err := c.want(tlsHead)
		if err != nil {
			return 0, err
		}
		c.left = tlsHead + int(binary.BigEndian.Uint16(header[tlsHead-2:]))
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

func (c *Conn) fill() error {
	c.start, c.end = 0, 0
	return c.more(len(c.in))
}

// more reads behind what is there, up to limit in the buffer.
func (c *Conn) more(limit int) error {
	if c.handshake.Load() {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	n, err := c.socket().Read(c.in[c.end:limit])
	c.end += n
	if err := c.bound(n); err != nil {
		return err
	}
	switch {
	case n > 0:
		c.traffic.Load().Add(int64(n))
		c.ear.hear(n)
		return nil
	case err == io.EOF:
		return errCut
	}
	return err
}

// bound counts n more bytes of a side that has not proved itself.
func (c *Conn) bound(n int) error {
	if c.ear.pulse != nil {
		return nil
	}
	c.said += n
	if c.said > strangerLimit || c.said > handshakeLimit && c.handshake.Load() {
		return errLong
	}
	return nil
}

// want returns the next n bytes, at most those of a sealed record, without taking
// them.
func (c *Conn) want(n int) ([]byte, error) {
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

// Write keeps p until Flush, or until the buffer is full.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(c, p) }

// Flush hands everything written so far to the kernel. Its error sticks.
func (c *Conn) Flush() error { return c.out.flush(c) }

// SetWriteDeadline does nothing. TLS sets one around its last message, which here only
// goes into the buffer, and leaves it in the past. The deadlines that count are set on
// the net.Conn inside.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// CloseWrite sends FIN where the connection knows of such a thing.
func (c *Conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
