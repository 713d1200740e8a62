package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/machine"
	"ferry/transfer/link/admission"
)

const (
	firstAcceptPause   = 5 * time.Millisecond
	longestAcceptPause = time.Second
)

// Listener waits for the peers that know the code, or have one of the keys, one unless Config.Links says more, and
// afterwards for the further streams of their links. It owns an accept loop and one goroutine for each connection
// without proof. Package admission bounds the number of those connections.
type Listener struct {
	cfg      Config
	inner    net.Listener
	conf     *tls.Config
	instance [8]byte
	slots    admission.Slots
	calls    atomic.Int64 // connections taken
	wg       sync.WaitGroup

	guesses  *admission.Guesses // its lock may be taken under mu
	burnt    atomic.Bool        // EventBurnt was told
	failures admission.Failures // of keys
	ctx      context.Context    // is over when the listener is closed
	cancel   context.CancelFunc

	mu      sync.Mutex    // guards what follows
	seats   seats         // the proven links
	changed chan struct{} // closed and replaced when one of these changes
	closed  bool
}

// Serve starts to listen on inner, whose connections may be of any kind. It owns inner
// from here on, unless it fails.
func Serve(inner net.Listener, cfg Config) (*Listener, error) {
	if err := cfg.check(listening); err != nil {
		return nil, &Error{Code: framing.CodeInternal, Op: "listen", Err: err}
	}
	return newListener(inner, cfg)
}

func newListener(inner net.Listener, cfg Config) (*Listener, error) {
	who := cfg.Identity
	if who == nil {
		var err error
		if who, err = NewIdentity(); err != nil {
			return nil, err
		}
	}
	cfg.machine = machine.This()
	l := &Listener{cfg: cfg, inner: inner, conf: who.conf, instance: who.instance, guesses: cfg.guesses(), changed: make(chan struct{})}
	l.seats.limit = max(1, cfg.Links)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Go(l.serve)
	return l, nil
}

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Instance names this listener to those who look for it: the first bytes of SHA-256 of the
// public key that it shows in TLS, as SubjectPublicKeyInfo. It proves nothing.
func (l *Listener) Instance() [8]byte { return l.instance }

// sourceOf asks the caller for the name of a connection's source.
func (l *Listener) sourceOf(conn net.Conn) string {
	if l.cfg.SourceOf == nil {
		return ""
	}
	return l.cfg.SourceOf(conn)
}

// Calls is how many connections have come in, whatever became of them.
func (l *Listener) Calls() int64 { return l.calls.Load() }

// Accept returns the link to the peer that has proved the code, or a key. Too many wrong
// confirmations burn the code: then the error is an *Error with CodeCodeRefused that wraps
// ErrBurnt. A listener that takes keys too goes on with these, and tells EventBurnt. As many links as Config.Links says live at once, and Accept returns each;
// further peers are told to wait. Once a link is over, Accept may be
// called for the next. A peer that finds no place takes that of a lost link, which then
// ends with ErrBegunAnew. Guesses are counted for all peers together.
func (l *Listener) Accept(ctx context.Context) (*Link, error) {
	for {
		l.mu.Lock()
		closed, burnt, changed := l.closed, l.guesses.Over(), l.changed
		var link *Link
		if !closed {
			link = l.seats.next()
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
		case burnt != nil && l.cfg.Keys == nil:
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
	l.cancel()
	l.slots.Close()
	l.guesses.Close()
	l.wg.Wait()
	l.mu.Lock()
	ready := l.seats.ready
	l.seats.ready = nil
	l.mu.Unlock()
	for _, link := range ready {
		_ = link.Close() // nobody had it
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
	defer l.mu.Unlock()
	return l.seats.serving()
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
		s := l.slots.Admit(conn, l.sourceOf(conn))
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
