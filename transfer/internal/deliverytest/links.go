package deliverytest

import (
	"context"
	"net"
	"testing"
	"time"

	"ferry/transfer/link"
)

// Pair returns both ends of a link in memory, each proven to the other.
func Pair(t *testing.T) (sender, receiver *link.Link) { return PairWith(t, 0) }

// PairWith is Pair with capabilities that both sides have.
func PairWith(t *testing.T, caps uint64) (sender, receiver *link.Link) {
	t.Helper()
	a, b, err := link.Pipe(link.Config{Role: link.Sender, Capabilities: caps}, link.Config{Role: link.Receiver, Capabilities: caps})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// UntilStreams waits until the link has n streams.
func UntilStreams(ctx context.Context, l *link.Link, n int) {
	for {
		have, more := l.Growth()
		if have >= n {
			return
		}
		select {
		case <-more:
		case <-l.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// PairOver is Pair over connections in memory, whose ends wrap makes slow or bad. Side a
// dials with the configuration near. Side b comes from listener, which has far and is the
// caller's to close.
func PairOver(t *testing.T, near, far link.Config, wrap func(net.Conn) net.Conn) (a, b *link.Link, listener *link.Listener) {
	t.Helper()
	code, err := link.GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	p := pipes{make(chan net.Conn), make(chan struct{}), wrap}
	near.Code, far.Code, near.Connect = code, code, p.connect
	if listener, err = link.Serve(p, far); err != nil {
		t.Fatal(err)
	}
	if a, err = link.Dial(t.Context(), "far:1", near, time.Minute); err != nil {
		t.Fatal(err)
	}
	if b, err = listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, b, listener
}

// pipes listens for connections that a test makes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	wrap   func(net.Conn) net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error { close(p.closed); return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) connect(context.Context, link.Want) (net.Conn, error) {
	a, b := net.Pipe()
	p.conns <- p.wrap(b)
	return p.wrap(a), nil
}
