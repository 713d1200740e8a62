package memory

import (
	"net"
	"time"
)

// Conn is one end of a connection in memory. It is a net.Conn, and can be closed for
// writing alone.
type Conn struct{ in, out *pipe }

// Pair returns both ends of a new connection.
func Pair() (a, b *Conn) {
	x, y := newPipe(), newPipe()
	return &Conn{in: x, out: y}, &Conn{in: y, out: x}
}

func (c *Conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p) }

// CloseWrite ends this direction: the other side reads what was written, and then
// io.EOF.
func (c *Conn) CloseWrite() error {
	c.out.close(&c.out.writer)
	return nil
}

// Close ends both directions. What was written before may still be read.
func (c *Conn) Close() error {
	c.in.close(&c.in.reader)
	c.out.close(&c.out.writer)
	return nil
}

// SetReadDeadline ends a Read at t, also one that waits already.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	return nil
}

// SetWriteDeadline ends a Write at t, also one that waits already.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writer, t)
	return nil
}

// SetDeadline is both of them.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	c.out.setDeadline(&c.out.writer, t)
	return nil
}

func (c *Conn) LocalAddr() net.Addr  { return addr{} }
func (c *Conn) RemoteAddr() net.Addr { return addr{} }

// addr is the address of both ends.
type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "memory" }
