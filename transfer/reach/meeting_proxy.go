package reach

import (
	"context"
	"errors"
	"net"

	"ferry/framing"
	"ferry/transfer/link"
	"ferry/transfer/reach/proxy"
)

// Through Ways.Dial, which is a proxy's, each address is one candidate, and its name is
// the proxy's to look up. A proxy that a person named and that cannot be used is not waited
// for: the address is out at the first try. For a link that was lost it is.

// through is the candidate for one address.
func (m *Meeting) through(a Address) *candidate {
	return &candidate{key: a.String(), rank: rankGiven, dial: func(ctx context.Context, want link.Want) (net.Conn, error) {
		conn, err := m.ways.Dial(ctx, "tcp", a.String())
		if err == nil {
			return conn, nil
		}
		m.race.lost(a, err)
		told := &Error{Tries: []Try{{a, CauseOf(err), err}}}
		if want.Purpose == framing.PurposeNew && CauseOf(err) == NoProxy && ctx.Err() == nil {
			return nil, errors.Join(told, link.ErrNoWay)
		}
		return nil, told
	}}
}

// proxyCause is the cause of an error that a proxy is the reason of, or tells.
func proxyCause(err *proxy.Error) Cause {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return NoAnswer
	case !err.Far, errors.Is(err, proxy.ErrForbidden):
		return NoProxy
	case errors.Is(err, proxy.ErrRefused):
		return Refused
	case errors.Is(err, proxy.ErrUnreachable):
		return Unreachable
	case errors.Is(err, proxy.ErrNoAnswer):
		return NoAnswer
	}
	return OtherCause
}

// through notes why a connection to an address ended before its proof.
func (r *race) through(address string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.list {
		if a.String() == address {
			r.note(a, err)
		}
	}
}
