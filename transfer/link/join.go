package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"ferry/framing"
)

// joinTries: a join competes with strangers for the listener's slots.
const joinTries = 3

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
		l.mu.Lock()
		have, grown := len(l.streams), l.grown
		l.mu.Unlock()
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
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
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
	if err := conn.SetDeadline(time.Now().Add(proofLimit)); err != nil {
		return nil, err
	}
	c, err := openChannel(newCoalescer(conn), l.conf, clientSide)
	if err != nil {
		return nil, err
	}
	p, err := newSessionProver(l.secret, c.exporter)
	if err != nil {
		return nil, err
	}
	if _, _, err := dialHandshake(c, hello, p); err != nil {
		return nil, err
	}
	c.epoch = hello.Epoch
	return c, nil
}
