package link

import (
	"context"
	"errors"
	"net"

	"ferry/framing"
)

// Pipe makes both ends of a link in memory: a dials, b listens, with TLS and
// proof as over a network. The two need opposite roles and the same code; with
// neither set, one is made up.
func Pipe(a, b Config) (*Link, *Link, error) {
	if a.Code.IsZero() && b.Code.IsZero() {
		code, err := GenerateCode()
		if err != nil {
			return nil, nil, wrap("dial", err)
		}
		a.Code, b.Code = code, code
	}
	for _, c := range []Config{a, b} {
		if err := c.check(); err != nil {
			return nil, nil, &Error{Code: framing.CodeInternal, Op: "dial", Err: err}
		}
	}
	inner := newMemoryListener()
	listener, err := newListener(inner, b)
	if err != nil {
		return nil, nil, wrap("listen", err)
	}
	d := &dialler{addr: inner.Addr().String(), cfg: a}
	d.connect = func(ctx context.Context, _ string) (net.Conn, error) { return inner.dial(ctx) }
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
