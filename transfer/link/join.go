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

var errNotAllowed = errors.New("a stream beyond those that are allowed")

// Dialled tells whether this side opens the streams; the other cannot.
func (l *Link) Dialled() bool { return l.connect != nil }

// AllowStreams says how many streams the dialler may open, stream 0 included;
// MaxStreams at first. Those that are there already stay.
func (l *Link) AllowStreams(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.allowed = n
}

// allows tells whether a stream may be opened, or opened again.
func (l *Link) allows(number int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return number < max(l.allowed, len(l.streams))
}

// Growth returns how many streams the link has, and what is closed when there
// are more.
func (l *Link) Growth() (n int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.streams), l.grown
}

// Grow brings the link to n streams: the dialler opens them, all at once, the
// listener waits for them. After an error the link has the streams that it has.
func (l *Link) Grow(ctx context.Context, n int) error {
	if n > MaxStreams {
		return &Error{Code: framing.CodeInternal, Op: "join", Err: errTooMany}
	}
	if l.connect == nil {
		return l.awaitStreams(ctx, n)
	}
	first, epoch := l.NumStreams(), l.Epoch()
	errs := make([]error, max(0, n-first))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = l.open(ctx, first+i, epoch) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			l.dropParked()
			return wrap("join", err)
		}
	}
	return nil
}

// awaitStreams is the listener's Grow: streams come when the dialler opens them.
func (l *Link) awaitStreams(ctx context.Context, n int) error {
	for {
		have, grown := l.Growth()
		if have >= n {
			return nil
		}
		select {
		case <-grown:
		case <-l.done:
			return l.cause(&Error{Code: framing.CodeLost, Op: "join", Err: net.ErrClosed})
		case <-ctx.Done():
			return wrap("join", ctx.Err())
		}
	}
}

// dropParked closes what was opened beyond a stream that was not.
func (l *Link) dropParked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number, s := range l.parked {
		s.bytes.detach()
		delete(l.parked, number)
	}
}

// open opens stream number of the link with this epoch, in a few tries.
func (l *Link) open(ctx context.Context, number int, epoch uint32) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := l.openOnce(ctx, number, epoch)
		if err == nil {
			return nil
		}
		if try == joinTries || ctx.Err() != nil || isOver(l) || l.Epoch() != epoch {
			return fmt.Errorf("stream %d: %w", number, err)
		}
		select {
		case <-time.After(jitter(pause)):
		case <-l.done:
		case <-ctx.Done():
		}
		pause = longer(pause)
	}
}

func (l *Link) openOnce(ctx context.Context, number int, epoch uint32) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit+admission.ProofLimit)
	defer cancel()
	// Where stream 0 went, whatever the name says by now.
	conn, err := l.connect(ctx, l.address())
	if err != nil {
		return err
	}
	c, err := l.proveStream(ctx, conn, l.joinHello(framing.PurposeStream, epoch, number))
	if err == nil {
		err = l.add(number, c)
	}
	if err != nil {
		_ = conn.Close()
		return err
	}
	return nil
}

// joinHello is the HELLO of a further connection of this session.
func (l *Link) joinHello(purpose framing.Purpose, epoch uint32, number int) framing.Hello {
	hello := newHello(&l.cfg, nil)
	hello.Purpose, hello.Method = purpose, framing.MethodSession
	hello.Session, hello.Epoch, hello.Stream = l.session, epoch, uint16(number)
	return hello
}

// proveStream runs the ladder on conn with the session secret in place of the
// code. No certificate is compared: the exporter under the secret says more.
func (l *Link) proveStream(ctx context.Context, conn net.Conn, hello framing.Hello) (*channel, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	until := time.Now().Add(admission.ProofLimit)
	if err := conn.SetDeadline(until); err != nil {
		return nil, err
	}
	c, err := openChannel(record.NewConn(conn), l.conf, dialling)
	if err != nil {
		return nil, err
	}
	c.until = until
	p, err := newSessionProver(rand.Reader, l.secret, c.exporter)
	if err != nil {
		return nil, err
	}
	if _, _, err := dialHandshake(c, hello, p); err != nil {
		return nil, err
	}
	c.epoch = hello.Epoch
	return c, nil
}
