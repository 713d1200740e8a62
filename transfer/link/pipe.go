package link

import (
	"context"
	"errors"
	"net"
	"sync"

	"ferry/framing"
	"ferry/transfer/link/memory"
)

// Pipe makes both ends of a link in memory: a dials, b listens, with TLS and
// proof as over a network. The two need opposite roles and the same code, or
// keys; with none of these set, a code is made up.
func Pipe(a, b Config) (*Link, *Link, error) {
	if a.Code.isZero() && b.Code.isZero() && a.Keys == nil && b.Keys == nil {
		code, err := GenerateCode()
		if err != nil {
			return nil, nil, wrap("dial", err)
		}
		a.Code, b.Code = code, code
	}
	for i, c := range []Config{a, b} {
		if err := c.check(side(i)); err != nil {
			return nil, nil, &Error{Code: framing.CodeInternal, Op: "dial", Err: err}
		}
	}
	inner := newHall()
	listener, err := newListener(inner, b)
	if err != nil {
		return nil, nil, wrap("listen", err)
	}
	d := newDialler(way{addr: inner.Addr().String()}, a)
	d.connect = func(ctx context.Context, _ Want) (net.Conn, error) { return inner.dial(ctx) }
	near, err := d.run(context.Background(), 0)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	far, err := listener.Accept(context.Background())
	if err != nil {
		near.Abort(err)
		return nil, nil, errors.Join(err, near.Close(), listener.Close())
	}
	far.after = listener.Close
	return near, far, nil
}

// hall is where connections within this process are met: what dial makes, Accept
// returns. The channel has no buffer, so that a connection is either accepted or not
// made.
type hall struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHall() *hall { return &hall{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (h *hall) dial(ctx context.Context) (net.Conn, error) {
	a, b := memory.Pair()
	if err := h.offer(ctx, b); err != nil {
		return nil, err
	}
	return a, nil
}

// offer gives a connection to Accept.
func (h *hall) offer(ctx context.Context, c net.Conn) error {
	select {
	case h.conns <- c:
		return nil
	case <-h.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept returns the next connection, or net.ErrClosed.
func (h *hall) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and dial.
func (h *hall) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr is that of all connections in memory.
func (h *hall) Addr() net.Addr { return new(memory.Conn).LocalAddr() }
