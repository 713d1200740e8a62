package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/record"
)

// joinTries: a join competes with strangers for the listener's slots.
const joinTries = 3

// redialler makes the further connections of a link, at the side that dialled: those of
// further streams, and those that take the place of lost ones.
type redialler struct {
	link *Link
	way  // addr is as named, to be resolved again

	// What follows belongs to the goroutine that waits for the end of an outage. There is
	// one at a time that dials.
	tried uint32        // the last epoch that a rejoin was tried with
	pause time.Duration // before the next try
	mark  uint64        // bytes received when pause was set back
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

func (r *redialler) openOnce(ctx context.Context, number int, epoch uint32) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit+admission.ProofLimit)
	defer cancel()
	// Where stream 0 went, whatever the name says by now.
	conn, err := r.connect(ctx, r.link.address())
	if err != nil {
		return err
	}
	c, err := r.prove(ctx, conn, r.link.session.hello(framing.PurposeStream, epoch, number))
	if err == nil {
		err = r.link.add(number, c, epoch)
	}
	if err != nil {
		_ = conn.Close()
	}
	return err
}

// prove runs the ladder on conn with the session secret in the place of the code. No
// certificate is compared: the exporter under the secret says more.
func (r *redialler) prove(ctx context.Context, conn net.Conn, hello framing.Hello) (*ladder, error) {
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
	p, err := newSessionProver(rand.Reader, r.link.session.secret, c.exporter)
	if err != nil {
		return nil, err
	}
	if _, _, err := dialHandshake(c, hello, p); err != nil {
		return nil, err
	}
	return c, nil
}

// run dials until the link goes on or the time of its outage is over. The pause between
// two tries grows over outages too, as long as nothing comes in between.
func (r *redialler) run(o *outage) {
	l := r.link
	if received := l.conns.received(); received > r.mark {
		r.mark, r.pause = received, firstPause
	}
	for tries := 1; ; tries++ {
		if !r.rest(o, jitter(r.pause)) {
			return
		}
		r.pause = longer(r.pause)
		err := r.rejoin(o, tries)
		switch {
		case err == nil:
			return
		case errors.Is(err, ErrBegunAnew):
			l.end(&Error{Code: framing.CodeLost, Op: "join", Err: err})
			return
		case time.Since(o.since) >= l.RetryFor():
			l.gaveUp(o, err)
			return
		}
		l.conns.news.put(Event{Kind: EventRetrying, Addr: l.address(), Attempts: tries, Err: err, Elapsed: time.Since(o.since), Window: l.RetryFor()})
		l.conns.news.tell()
	}
}

// rest waits for d, but not beyond the outage's time. It is false when the link is over.
func (r *redialler) rest(o *outage, d time.Duration) bool {
	timer := time.NewTimer(min(d, max(0, r.link.RetryFor()-time.Since(o.since))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.link.Done():
		return false
	}
}

// rejoin is one try: stream 0, and then the others.
func (r *redialler) rejoin(o *outage, tries int) error {
	l := r.link
	left := max(shortestTry, l.RetryFor()-time.Since(o.since))
	ctx, cancel := context.WithTimeout(l.ending.ctx, min(left, connectLimit+admission.ProofLimit))
	defer cancel()
	conn, err := r.connect(ctx, r.addr)
	if err != nil {
		return err
	}
	// What is closed when the time is over answers no RESUME either.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	r.tried++ // not used twice: the listener may have taken it without our knowing
	var first *channel
	c, err := r.prove(ctx, conn, l.session.hello(framing.PurposeRejoin, r.tried, 0))
	if err == nil {
		first, err = l.resume(c, r.tried, tries)
	}
	if err != nil {
		_ = conn.Close()
		if l.cfg.Failed != nil && ctx.Err() == nil {
			l.cfg.Failed(conn.RemoteAddr(), &AnsweredError{conn.RemoteAddr(), err}, false)
		}
		var le *Error
		if errors.As(err, &le) && le.Remote && le.Code == framing.CodeDeclined {
			return ErrBegunAnew
		}
		return err
	}
	stop() // it is the link's from here
	r.reopen(first)
	return nil
}

// reopen opens the further streams again. Without all of them the link is lost once more.
func (r *redialler) reopen(first *channel) {
	n := r.link.NumStreams()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := 1; i < n; i++ {
		wg.Go(func() { errs[i] = r.open(r.link.ending.ctx, i, first.epoch) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			r.link.lost(first, wrap("join", err))
			return
		}
	}
}
