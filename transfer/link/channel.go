package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"syscall"

	"ferry/transfer/link/record"
)

// channel is one connection of a link, whose two ends have proved themselves.
type channel struct {
	raw     *record.Conn
	records records
	epoch   uint32 // of the link that the connection belongs to
	// reading is held by the goroutine that reads. TLS has a mutex of its own for that,
	// but synctest does not count a goroutine that waits for a mutex as blocked.
	reading chan struct{}
	// resent is closed when what was kept has been sent on it, or that has failed. Nothing
	// may follow before.
	resent chan struct{}
	rein   rein // of the goroutine that calls Link.Rein
}

// records put bytes on a connection, and take them off again. CloseWrite is the orderly
// end, which leaves with Flush.
type records interface {
	io.ReadWriter
	Flush() error
	CloseWrite() error
}

// tlsRecords are those of TLS itself.
type tlsRecords struct {
	*tls.Conn
	raw *record.Conn
}

// Flush hands everything written so far to the kernel.
func (r tlsRecords) Flush() error { return r.raw.Flush() }

// proven makes the connection of a ladder, which is not used any more, one of the link
// with that epoch. seal says that both sides seal their records.
func (l *ladder) proven(epoch uint32, seal bool) (*channel, error) {
	c := &channel{raw: l.raw, records: tlsRecords{l.tls, l.raw}, epoch: epoch, reading: make(chan struct{}, 1), resent: make(chan struct{})}
	clear(l.exporter) // it has proved what it can
	if !seal {
		return c, nil
	}
	s, err := record.Seal(l.raw, l.tls, l.side == dialling)
	if err != nil {
		return nil, err
	}
	if s != nil {
		c.records = s
		l.tls, l.r, l.w = nil, nil, nil // TLS still has what the secrets were made from
	}
	return c, nil
}

// Read reads what came. Two goroutines may call it at once: Close drains the connection
// while the reader of its stream still waits.
func (c *channel) Read(p []byte) (int, error) {
	c.reading <- struct{}{}
	defer func() { <-c.reading }()
	return c.records.Read(p)
}

// Write may keep p in a buffer until Flush, as a copy. Write, Flush and CloseWrite
// belong to one goroutine at a time.
func (c *channel) Write(p []byte) (int, error) { return c.records.Write(p) }

// Flush hands everything written so far to the kernel.
func (c *channel) Flush() error { return c.records.Flush() }

// CloseWrite sends what tells an orderly end from a cut, and FIN.
func (c *channel) CloseWrite() error {
	if err := c.records.CloseWrite(); err != nil {
		return fmt.Errorf("ending the channel: %w", err)
	}
	if err := c.raw.Flush(); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	// The other side may have taken the end, and closed, in between.
	if err := c.raw.CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}
