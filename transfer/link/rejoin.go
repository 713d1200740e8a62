package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
)

// ErrBegunAnew says that the other side has lost this session for good, most
// often because its process ended and was started again. Another delivery can
// begin with the same code.
var ErrBegunAnew = errors.New("the other side has begun anew")

var (
	errReplaced = errors.New("the other side has made a new connection")
	errStale    = errors.New("an epoch that is over")
	errNoStream = errors.New("no such stream")
)

// outage is the time from the loss of a link's connections to the next ones.
type outage struct {
	since time.Time
	cause error
	over  chan struct{} // closed when the link goes on
}

// rejoins tells whether a lost connection is to be replaced.
func (l *Link) rejoins() bool { return l.retry.Load() > 0 }

// RetryFor is how long a lost link is waited for.
func (l *Link) RetryFor() time.Duration { return time.Duration(l.retry.Load()) }

// LimitRetry makes the time for which a lost link is waited for no longer than
// d: the two sides agree on the smaller one.
func (l *Link) LimitRetry(d time.Duration) {
	for {
		old := l.retry.Load()
		if int64(d) >= old || l.retry.CompareAndSwap(old, max(0, int64(d))) {
			return
		}
	}
}

// Lost returns since when the link has no connection, and why; ok is false while
// it has one.
func (l *Link) Lost() (since time.Time, cause error, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == nil {
		return time.Time{}, nil, false
	}
	return l.down.since, l.down.cause, true
}

// Resent is how many bytes were sent again because a connection was lost.
func (l *Link) Resent() int64 { return l.resent.Load() }

// Traffic is how many bytes went over the link's connections in both directions,
// from the first of the TLS handshake on.
func (l *Link) Traffic() int64 { return l.pulse.Traffic() }

// awaitConnection gives a lost link a moment to go on, so that what was said
// last gets through.
func (l *Link) awaitConnection(limit time.Duration) {
	l.mu.Lock()
	o := l.down
	l.mu.Unlock()
	if o == nil {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-o.over:
	case <-l.done:
	case <-timer.C:
	}
}

// lost gives up the link's connections because of ch, unless it is not among
// them any more. The link ends if it is not to be joined again.
func (l *Link) lost(ch *channel, err error) {
	l.mu.Lock()
	switch {
	case l.over, l.down != nil, ch.epoch != l.epoch:
		l.mu.Unlock()
		return
	case l.closing.Load(), l.leaving.Load(), !l.rejoins():
		l.mu.Unlock()
		l.end(err)
		return
	}
	l.goDown(err)
	l.mu.Unlock()
	l.notifyLost(err)
}

func (l *Link) notifyLost(err error) {
	l.cfg.notify(Event{Kind: EventLost, Addr: l.address(), Err: err, Window: l.RetryFor()})
}

// lostSoon is lost for a failed write: a moment later, since the other side's
// reason for closing may be on its way to the readers.
func (l *Link) lostSoon(ch *channel, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	if l.giveUp != nil {
		l.giveUp.Stop()
	}
	l.giveUp = time.AfterFunc(closeLimit, func() { l.lost(ch, err) })
}

// goDown closes all connections and starts to wait for new ones. It needs l.mu.
func (l *Link) goDown(err error) {
	o := &outage{since: time.Now(), cause: err, over: make(chan struct{})}
	l.down = o
	for _, s := range l.all() {
		s.bytes.detach()
	}
	clear(l.parked)
	// The link is not over, so beat and watch keep the group from being empty.
	l.wg.Go(func() { l.await(o) })
}

// await waits until the link goes on, dialling if that is this side's part, or
// ends it when the time is over.
func (l *Link) await(o *outage) {
	if l.connect != nil {
		l.redial(o)
		return
	}
	timer := time.NewTimer(l.RetryFor())
	defer timer.Stop()
	select {
	case <-timer.C:
		l.gaveUp(o, o.cause)
	case <-o.over:
	case <-l.done:
	}
}

func (l *Link) gaveUp(o *outage, last error) {
	l.mu.Lock()
	current := l.down == o
	l.mu.Unlock()
	if current {
		l.end(&Error{Code: framing.CodeLost, Op: "join", Err: fmt.Errorf("lost for longer than %v: %w", l.RetryFor(), last)})
	}
}

// redial dials until the link goes on or its time is over. The pause between two
// tries grows over outages too, as long as nothing comes in between.
func (l *Link) redial(o *outage) {
	if received := l.received(); received > l.mark {
		l.mark, l.pause = received, firstPause
	}
	for tries := 1; ; tries++ {
		if !l.rest(o, jitter(l.pause)) {
			return
		}
		l.pause = longer(l.pause)
		err := l.rejoin(o, tries)
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
		l.cfg.notify(Event{Kind: EventRetrying, Addr: l.address(), Attempts: tries, Err: err, Elapsed: time.Since(o.since), Window: l.RetryFor()})
	}
}

// rest waits for d, but not beyond the outage's time. It is false when the link
// is over.
func (l *Link) rest(o *outage, d time.Duration) bool {
	timer := time.NewTimer(min(d, max(0, l.RetryFor()-time.Since(o.since))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}

// Received is how many bytes have come in the bodies of frames, on all streams
// together, those left out that are for the link itself, and of long records as they
// come: it grows only while something is said.
func (l *Link) Received() uint64 { return l.heard.Load() + l.pulse.Bulk() }

// received is how many bytes have come on all streams together.
func (l *Link) received() (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		s.bytes.mu.Lock()
		n += s.bytes.received
		s.bytes.mu.Unlock()
	}
	return n
}

// rejoin is the dialler's one try: stream 0, and then the others.
func (l *Link) rejoin(o *outage, tries int) error {
	left := max(shortestTry, l.RetryFor()-time.Since(o.since))
	ctx, cancel := context.WithTimeout(l.ctx, min(left, connectLimit+admission.ProofLimit))
	defer cancel()
	conn, err := l.connect(ctx, l.addrDialled)
	if err != nil {
		return err
	}
	// What is closed when the time is over answers no RESUME either.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	l.tried++ // not used twice: the listener may have taken it without our knowing
	hello := l.joinHello(framing.PurposeRejoin, l.tried, 0)
	c, err := l.proveStream(ctx, conn, hello)
	if err == nil {
		err = l.resume(c, l.tried, tries)
	}
	if err != nil {
		_ = conn.Close()
		var le *Error
		if errors.As(err, &le) && le.Remote && le.Code == framing.CodeDeclined {
			return ErrBegunAnew
		}
		return err
	}
	stop() // it is the link's from here
	return l.reopen(c)
}

// resume puts c, which proved itself, in the place of the link's connections.
// c remains the caller's when there is an error, and the link waits on.
func (l *Link) resume(c *channel, epoch uint32, tries int) error {
	l.mu.Lock()
	if l.over || l.closing.Load() || epoch <= l.epoch {
		l.mu.Unlock()
		return &Error{Code: framing.CodeDeclined, Op: "join", Err: errStale}
	}
	noticed := l.down != nil
	if !noticed {
		l.goDown(errReplaced)
	}
	l.epoch, c.epoch = epoch, epoch
	first := l.streams[0].bytes
	l.mu.Unlock()
	if !noticed {
		l.notifyLost(errReplaced)
	}
	peer, err := c.exchange(first.detach())
	if err != nil {
		return err
	}
	l.mu.Lock()
	if l.over || l.epoch != epoch {
		l.mu.Unlock()
		return &Error{Code: framing.CodeLost, Op: "join", Err: errStale}
	}
	o := l.down
	if err := l.carryOn(first, c, peer); err != nil {
		l.mu.Unlock()
		return err
	}
	l.down = nil
	close(o.over)
	l.addr = addrOf(c.raw)
	l.pulse.Touch()
	l.mu.Unlock()
	l.cfg.notify(Event{Kind: EventRejoined, Addr: addrOf(c.raw), Attempts: tries, Elapsed: time.Since(o.since)})
	return nil
}

// exchange says how much of a stream came here, and hears how much came there.
func (c *channel) exchange(received uint64) (peer uint64, err error) {
	own := framing.Resume{Received: received}
	c.r.Restrict(framing.TypeResume)
	if err := c.send(framing.TypeResume, own.Append(nil)); err != nil {
		return 0, err
	}
	body, err := c.expect(framing.TypeResume)
	if err != nil {
		return 0, err
	}
	m, err := framing.ParseResume(body)
	return m.Received, err
}

// carryOn has a stream go on over c. It needs l.mu, and a link that is not over.
func (l *Link) carryOn(b *conduit, c *channel, peer uint64) error {
	if err := l.adopt(c); err != nil {
		return err
	}
	b.attach(c)
	l.wg.Go(func() {
		// What was kept may take long to send; its reader runs already.
		if err := b.resend(c, peer); err != nil {
			l.end(wrap("join", err))
		}
	})
	return nil
}

// reopen opens the further streams again. Without all of them the link is lost
// once more.
func (l *Link) reopen(first *channel) error {
	n := l.NumStreams()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := 1; i < n; i++ {
		wg.Go(func() { errs[i] = l.open(l.ctx, i, first.epoch) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			l.lost(first, wrap("join", err))
			break
		}
	}
	return nil
}
