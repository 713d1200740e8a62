package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
)

const (
	firstAcceptPause   = 5 * time.Millisecond
	longestAcceptPause = time.Second
)

// Listener waits for the one peer that knows the code, and afterwards for the further
// streams of its link. It owns an accept loop and one goroutine for each connection
// without proof. Package admission bounds the number of those connections.
type Listener struct {
	cfg   Config
	inner net.Listener
	conf  *tls.Config
	slots admission.Slots
	calls atomic.Int64 // connections taken
	wg    sync.WaitGroup

	guesses *admission.Guesses // its lock may be taken under mu

	mu      sync.Mutex    // guards what follows
	proving bool          // a right confirmation came, its link is being made
	active  *Link         // the proven link, until it is over
	ready   *Link         // active, while Accept has not returned it
	changed chan struct{} // closed and replaced when one of these changes
	closed  bool
}

// Listen starts to listen on addr: "host:port", or ":port" for all addresses of
// both families; port 0 picks a free one. ctx bounds the look-up of host only.
func Listen(ctx context.Context, addr string, cfg Config) (*Listener, error) {
	if err := cfg.check(); err != nil {
		return nil, &Error{Code: framing.CodeInternal, Op: "listen", Err: err}
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive()}
	inner, err := lc.Listen(ctx, "tcp", addr)
	if op := new(net.OpError); errors.As(err, &op) { // which says the step again
		err = fmt.Errorf("%s: %w", addr, op.Err)
	}
	if err != nil {
		return nil, wrap("listen", err)
	}
	l, err := newListener(inner, cfg)
	if err != nil {
		_ = inner.Close()
		return nil, wrap("listen", err)
	}
	return l, nil
}

// Serve is Listen on connections of any kind. It owns inner from here on, unless
// it fails.
func Serve(inner net.Listener, cfg Config) (*Listener, error) {
	if err := cfg.check(); err != nil {
		return nil, &Error{Code: framing.CodeInternal, Op: "listen", Err: err}
	}
	return newListener(inner, cfg)
}

func newListener(inner net.Listener, cfg Config) (*Listener, error) {
	conf, err := newTLSConfig()
	if err != nil {
		return nil, err
	}
	l := &Listener{cfg: cfg, inner: inner, conf: conf, guesses: admission.NewGuesses(cfg.Code.allowance()), changed: make(chan struct{})}
	l.wg.Go(l.serve)
	return l, nil
}

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Calls is how many connections have come in, whatever became of them.
func (l *Listener) Calls() int64 { return l.calls.Load() }

// Accept returns the link to the peer that has proved the code. Too many wrong
// confirmations burn the code: then the error is an *Error with CodeCodeRefused that wraps
// ErrBurnt. While a link lives, other peers with the right code are told to wait. Once it
// is over, Accept may be called for the next.
func (l *Listener) Accept(ctx context.Context) (*Link, error) {
	for {
		l.mu.Lock()
		link, closed, burnt, changed := l.ready, l.closed, l.guesses.Over(), l.changed
		if !closed {
			l.ready = nil
		}
		l.mu.Unlock()
		switch {
		case closed:
			return nil, &Error{Code: framing.CodeLost, Op: "accept", Err: net.ErrClosed}
		case link != nil && isOver(link):
			_ = link.Close() // lost before anybody had it
			continue
		case link != nil:
			return link, nil
		case burnt != nil:
			return nil, &Error{Code: framing.CodeCodeRefused, Op: "accept", Err: burnt}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, wrap("accept", ctx.Err())
		}
	}
}

// Close stops listening, drops whatever has not proved itself, and waits for the
// listener's goroutines. Links that Accept returned go on.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		l.wg.Wait()
		return nil
	}
	l.closed = true
	l.signal()
	l.mu.Unlock()

	err := l.inner.Close()
	l.slots.Close()
	l.guesses.Close()
	l.wg.Wait()
	l.mu.Lock()
	ready := l.ready
	l.ready = nil
	l.mu.Unlock()
	if ready != nil {
		_ = ready.Close() // nobody had it
	}
	if err != nil {
		return wrap("close", err)
	}
	return nil
}

// signal needs l.mu.
func (l *Listener) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// serving tells whether there is a link that has its connections.
func (l *Listener) serving() bool {
	l.mu.Lock()
	link := l.active
	l.mu.Unlock()
	if link == nil || isOver(link) {
		return false
	}
	_, _, lost := link.Lost()
	return !lost
}

// serve is the accept loop. It ends when the listener is closed; any other
// error, such as no file descriptors left, passes.
func (l *Listener) serve() {
	pause := firstAcceptPause
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || l.isClosed() {
				return
			}
			l.cfg.notify(Event{Kind: EventBroken, Err: wrap("accept", err)})
			l.slots.Shed()
			l.guesses.Shed()
			l.rest(pause)
			pause = min(2*pause, longestAcceptPause)
			continue
		}
		pause = firstAcceptPause
		l.calls.Add(1)
		s := l.slots.Admit(conn)
		if l.serving() {
			l.slots.Spare()
		}
		if l.isClosed() {
			_ = conn.Close()
			continue
		}
		l.wg.Go(func() { l.handle(s) })
	}
}

// rest waits for d or until the listener changes.
func (l *Listener) rest(d time.Duration) {
	l.mu.Lock()
	changed := l.changed
	l.mu.Unlock()
	select {
	case <-changed:
	case <-time.After(d):
	}
}
