package record

import (
	"errors"
	"io"
	"net"
)

// socket reads and writes the connection inside. On Linux the calls of TCP are made behind
// the scheduler's back. A socket never blocks in them; what has to wait does so in the
// poller. Of a call that it knows of, the scheduler takes the processor away after 20 µs.
// That costs up to a tenth of the time of a large file.
func (c *Conn) socket() io.ReadWriter {
	if c.raw != nil && net.Conn(c.raw.conn) == c.Conn {
		return c.raw
	}
	return c.Conn
}

// errorOf makes the error of such a call one that net would give: of a read or a write,
// and between which addresses.
func errorOf(op string, c net.Conn, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var inner *net.OpError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
