package link

import (
	"context"
	"crypto/tls"
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
	if l.dial == nil {
		return l.awaitStreams(ctx, n)
	}
	conf, err := newTLSConfig()
	if err != nil {
		return wrap("join", err)
	}
	first := l.NumStreams()
	errs := make([]error, max(0, n-first))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = l.open(ctx, conf, first+i) })
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
		_ = s.c.raw.Close()
		delete(l.parked, number)
	}
}

// open opens stream number, in a few tries.
func (l *Link) open(ctx context.Context, conf *tls.Config, number int) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := l.openOnce(ctx, conf, number)
		if err == nil {
			return nil
		}
		if try == joinTries || ctx.Err() != nil || l.Err() != nil {
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

func (l *Link) openOnce(ctx context.Context, conf *tls.Config, number int) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	c, err := l.proveStream(ctx, conn, conf, number)
	if err == nil {
		err = l.add(number, c)
	}
	if err != nil {
		_ = conn.Close()
		return err
	}
	return nil
}

// proveStream runs the ladder on conn with the session secret in place of the
// code. No certificate is compared: the exporter under the secret says more.
func (l *Link) proveStream(ctx context.Context, conn net.Conn, conf *tls.Config, number int) (*channel, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(proofLimit)); err != nil {
		return nil, err
	}
	c, err := openChannel(newCoalescer(conn), conf, clientSide)
	if err != nil {
		return nil, err
	}
	p, err := newSessionProver(l.secret, c.exporter)
	if err != nil {
		return nil, err
	}
	hello := newHello(&l.cfg, nil)
	hello.Purpose, hello.Method = framing.PurposeStream, framing.MethodSession
	hello.Session, hello.Epoch, hello.Stream = l.session, l.epoch, uint16(number)
	if _, _, err := dialHandshake(c, hello, p); err != nil {
		return nil, err
	}
	return c, nil
}
