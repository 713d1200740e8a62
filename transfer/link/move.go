package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
)

// A link moves to another way while it runs:
//
//  1. Move runs TLS on the new connection, and on one more for each further stream. So far
//     nothing is said about the link.
//  2. It proves the session on the first, as for a rejoin. Until the other side has
//     confirmed that, the link is as it was.
//  3. resume gives up the old connections, and stream 0 goes on over the new one, from the
//     byte that each side names (rejoin.go).
//  4. The other connections prove the further streams, which go on likewise.
//
// What fails in step 3 or 4 loses the link, which is dialled again as after any loss.

var (
	errListens  = errors.New("only the side that dialled can move a link")
	errNoRejoin = errors.New("a link that is not joined again cannot move")
	errLeaving  = errors.New("the link is ending")
	errOther    = errors.New("another listener answers there")
	errMoveLost = errors.New("the new way failed")
)

// move is the body of Move.
func (r *redialler) move(ctx context.Context, conn net.Conn) error {
	l := r.link
	ctx, cancel := context.WithTimeout(ctx, connectLimit+admission.ProofLimit)
	defer cancel()
	defer context.AfterFunc(l.ending.ctx, cancel)()
	select {
	case r.moving <- struct{}{}:
	case <-r.mayMove.Done():
		return l.ending.cause(errLeaving)
	case <-ctx.Done():
		return l.ending.cause(ctx.Err())
	}
	defer func() { <-r.moving }()
	if err := mayMove(l); err != nil {
		return err
	}
	why := func(err error) error { // a closed connection is not why
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return l.ending.cause(err)
	}
	ready, err := r.prepare(ctx, conn)
	if err != nil {
		return why(err)
	}
	if r.mayMove.Err() != nil {
		drop(ready)
		return why(errLeaving)
	}
	first, err := r.resumeOn(ctx, ready[0], 1)
	if err != nil {
		drop(ready)
		return why(err)
	}
	r.reopen(first, ready)
	if !l.conns.has(first) {
		return l.ending.cause(errMoveLost)
	}
	return nil
}

// endMoves lets no move begin any more. One that the other side may have taken by now has a
// moment to end, so that what was said last gets through; any other ends at once.
func (r *redialler) endMoves() {
	r.noMoves()
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case r.moving <- struct{}{}: // for good
	case <-timer.C:
	case <-r.link.Done():
	}
}

// mayMove says why the link cannot move now.
func mayMove(l *Link) error {
	e := &l.ending
	switch {
	case isOver(l):
		return e.cause(net.ErrClosed)
	case e.said.Load(), e.leaving.Load(), l.redial.mayMove.Err() != nil:
		return errLeaving
	case !l.rejoins():
		return errNoRejoin
	}
	return nil
}

// prepare runs TLS on conn, and on a further connection for each further stream. Without
// all of them there are none.
func (r *redialler) prepare(ctx context.Context, conn net.Conn) ([]*ladder, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.mayMove, cancel)()
	n := r.link.NumStreams()
	ready := make([]*ladder, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			own := conn
			if i > 0 {
				own, errs[i] = r.connect(ctx, Want{Addr: r.addr, Purpose: framing.PurposeStream, Stream: i, Last: conn})
			}
			if errs[i] == nil {
				ready[i], errs[i] = r.shakeSame(ctx, own)
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			drop(ready)
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
	}
	return ready, nil
}

// shakeSame runs TLS on conn, and closes it unless the listener of the session answers.
func (r *redialler) shakeSame(ctx context.Context, conn net.Conn) (*ladder, error) {
	c, err := r.shake(ctx, conn)
	if err == nil && c.instance() != r.instance {
		err = errOther
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// drop closes connections that are not needed.
func drop(ready []*ladder) {
	for _, c := range ready {
		if c != nil {
			_ = c.raw.Close()
		}
	}
}
