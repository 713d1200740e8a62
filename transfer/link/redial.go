package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/record"
)

// joinTries: a join competes with strangers for the listener's slots.
const joinTries = 3

// redialler makes the further connections of a link, at the side that dialled: those of
// further streams, those that take the place of lost ones, and those of a move.
type redialler struct {
	link *Link
	way  // addr is as named, to be resolved again

	tried atomic.Uint32 // the last epoch that a rejoin was tried with; none is used twice

	// Each has capacity 1, and is full while one goroutine is at it. A move and a try to
	// dial again may be under way at once.
	moving   chan struct{}
	dialling chan struct{}

	mayMove context.Context // is over when the link is, or is being closed
	noMoves context.CancelFunc

	// What follows belongs to the goroutine that has dialling.
	pause     time.Duration    // before the next try
	mark      uint64           // bytes received when pause was set back
	strangers map[[8]byte]bool // instances that did not prove the code
}

func newRedialler(l *Link, w way) *redialler {
	r := &redialler{link: l, way: w, moving: make(chan struct{}, 1), dialling: make(chan struct{}, 1), pause: firstPause}
	r.mayMove, r.noMoves = context.WithCancel(l.ending.ctx)
	return r
}

// open opens stream number of the link with this epoch, in a few tries.
func (r *redialler) open(ctx context.Context, number int, epoch uint32) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := r.openOnce(ctx, number, epoch)
		if err == nil {
			return nil
		}
		now, _ := r.link.conns.place()
		if try == joinTries || ctx.Err() != nil || isOver(r.link) || now != epoch {
			return fmt.Errorf("stream %d: %w", number, err)
		}
		select {
		case <-time.After(jitter(pause)):
		case <-r.link.Done():
		case <-ctx.Done():
		}
		pause = longer(pause)
	}
}

// openMore opens the streams that the link has not, up to n in all. It returns the first
// error.
func (r *redialler) openMore(ctx context.Context, n int, epoch uint32) error {
	first := r.link.NumStreams()
	errs := make([]error, max(0, n-first))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = r.open(ctx, first+i, epoch) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *redialler) openOnce(ctx context.Context, number int, epoch uint32) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit+admission.ProofLimit)
	defer cancel()
	_, last := r.link.conns.place()
	conn, err := r.connect(ctx, Want{Addr: r.addr, Purpose: framing.PurposeStream, Stream: number, Last: last})
	if err != nil {
		return err
	}
	c, err := r.shake(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return err
	}
	return r.openOn(ctx, c, number, epoch)
}

// openOn opens stream number on c, and closes c if that fails.
func (r *redialler) openOn(ctx context.Context, c *ladder, number int, epoch uint32) error {
	defer context.AfterFunc(r.link.ending.ctx, func() { _ = c.raw.Close() })() // RESUME is not waited for then
	err := r.confirm(ctx, c, r.link.session.hello(framing.PurposeStream, epoch, number))
	if err == nil {
		err = r.link.add(number, c, epoch)
	}
	if err != nil {
		_ = c.raw.Close()
	}
	return err
}

// shake runs TLS on conn, which stays the caller's when there is an error.
func (r *redialler) shake(ctx context.Context, conn net.Conn) (*ladder, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	until := time.Now().Add(admission.ProofLimit)
	if err := conn.SetDeadline(until); err != nil {
		return nil, err
	}
	c, err := openLadder(record.NewConn(conn), r.conf, dialling)
	if err != nil {
		return nil, err
	}
	c.until = until
	return c, nil
}

// confirm runs the ladder with the session secret in the place of the code. No certificate
// is compared: the exporter under the secret says more.
func (r *redialler) confirm(ctx context.Context, c *ladder, hello framing.Hello) error {
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	defer stop()
	p, err := newSessionProver(rand.Reader, r.link.session.secret, c.exporter)
	if err != nil {
		return err
	}
	_, _, err = dialHandshake(c, hello, p)
	return err
}

// run dials until the link goes on or the time of its outage is over. The pause between
// two tries grows over outages too, as long as nothing comes in between.
func (r *redialler) run(o *outage) {
	r.dialling <- struct{}{} // the one of an outage that is over gives up soon
	defer func() { <-r.dialling }()
	l := r.link
	if received := l.conns.received(); received > r.mark {
		r.mark, r.pause = received, firstPause
	}
	for tries := 1; r.rest(o, jitter(r.pause)); tries++ {
		r.pause = longer(r.pause)
		err := r.rejoin(o, tries)
		switch {
		case err == nil, o.ctx.Err() != nil:
			return
		case errors.Is(err, ErrBegunAnew):
			l.end(&Error{Code: framing.CodeLost, Op: "join", Err: err})
			return
		case time.Since(o.since) >= l.RetryFor():
			l.gaveUp(o, err)
			return
		}
		l.conns.retrying(o, tries, err)
		l.conns.news.tell()
	}
}

// rest waits for d, but not beyond the outage's time. It is false when the link goes on,
// over another connection that has come, or is over.
func (r *redialler) rest(o *outage, d time.Duration) bool {
	timer := time.NewTimer(min(d, max(0, r.link.RetryFor()-time.Since(o.since))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return o.ctx.Err() == nil
	case <-o.ctx.Done():
		return false
	}
}

// takeUp proves the session on conn for the next epoch and has stream 0 go on over it,
// unless ctx is over before the proof. instance is who answered.
func (r *redialler) takeUp(ctx context.Context, conn net.Conn, tries int) (ch *channel, instance [8]byte, err error) {
	c, err := r.shake(ctx, conn)
	if err != nil {
		return nil, instance, err
	}
	instance = c.instance()
	ch, err = r.resumeOn(ctx, c, tries)
	return ch, instance, err
}

func (r *redialler) resumeOn(ctx context.Context, c *ladder, tries int) (*channel, error) {
	epoch := r.tried.Add(1) // the listener may take it without our knowing
	r.link.conns.expect()
	defer r.link.conns.news.tell()
	defer r.link.conns.settled()
	defer context.AfterFunc(r.link.ending.ctx, func() { _ = c.raw.Close() })() // RESUME is not waited for then
	if err := r.confirm(ctx, c, r.link.session.hello(framing.PurposeRejoin, epoch, 0)); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err // the connection may be closed
	}
	return r.link.resume(c, epoch, tries)
}

// rejoin is one try: stream 0, and then the others. It ends when the outage does.
func (r *redialler) rejoin(o *outage, tries int) error {
	l := r.link
	left := max(shortestTry, l.RetryFor()-time.Since(o.since))
	limit := min(left, connectLimit+admission.ProofLimit)
	ctx, cancel := context.WithTimeout(l.ending.ctx, limit)
	defer cancel()
	// What is closed when the time is over answers no RESUME either.
	dialCtx, cancelDial := context.WithTimeout(o.ctx, limit)
	defer cancelDial()
	_, last := l.conns.place()
	conn, err := r.connect(dialCtx, Want{Addr: r.addr, Purpose: framing.PurposeRejoin, Last: last})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	first, instance, err := r.takeUp(dialCtx, conn, tries)
	if err != nil {
		_ = conn.Close()
		if declines(err) && r.begunAnew(dialCtx, conn, instance) {
			return ErrBegunAnew
		}
		if l.cfg.Failed != nil && dialCtx.Err() == nil {
			l.cfg.Failed(conn.RemoteAddr(), &AnsweredError{conn.RemoteAddr(), err}, false)
		}
		return err
	}
	stop() // it is the link's from here
	r.reopen(first, nil)
	return nil
}

// reopen opens the further streams again, on ready connections as far as there are some.
// Without all of them the link is lost once more.
func (r *redialler) reopen(first *channel, ready []*ladder) {
	n := r.link.NumStreams()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := 1; i < n; i++ {
		wg.Go(func() {
			if i < len(ready) && r.openOn(r.link.ending.ctx, ready[i], i, first.epoch) == nil {
				return
			}
			errs[i] = r.open(r.link.ending.ctx, i, first.epoch)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			r.link.lost(first, wrap("join", err))
			return
		}
	}
}
