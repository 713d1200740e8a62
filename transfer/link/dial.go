package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/machine"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/record"
)

const (
	connectLimit = 10 * time.Second // TCP, all addresses of a name together
	firstPause   = 20 * time.Millisecond
	longestPause = 5 * time.Second
	// shortestTry is what an attempt is given even if the wait ends sooner.
	shortestTry = time.Second
	// shakeLimit is how long the TLS handshake may take while other addresses wait, beside
	// what the path takes.
	shakeLimit = 5 * time.Second
	// answerLimit is how long the answer to HELLO may take, beside what the path takes.
	answerLimit = 3 * time.Second
	// maxBroken is how many exchanges may end after our own confirmation was out: each
	// could have been a guess of the other side.
	maxBroken = 3
)

// keepAlive notices a host that is gone within 25 s where TCP_USER_TIMEOUT is
// not to be had.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}
}

// Dial connects to addr ("host:port") and proves the code, or keys, both ways. If that fails it
// tries again for as long as wait, and resolves the name each time: another program may
// answer first, until the right one takes its place.
//
// Only a refused code ends it at once. Three exchanges that broke off after our own
// confirmation count as a refused code, since each could have been a guess. With
// Config.Failed a refused code rules out the address that it came from, and whatever else
// shows the same key. It is the outcome if no other address proves itself, and after as
// many exchanges that failed, beside the wrong answers of Config.Guesses, as the code bears.
//
// With keys in place of a code the host's refusal of the last of them ends it, with an error
// that wraps ErrKeysRefused, and so does a host that Keys.Known refuses, with one that wraps
// ErrHostKey and what Known returned. Both have CodeCodeRefused.
//
// No connection in time is an *Error with Op "dial" that wraps the last cause. Its Code is
// CodeVersion if the versions did not meet, else CodeLost.
func Dial(ctx context.Context, addr string, cfg Config, wait time.Duration) (*Link, error) {
	if err := cfg.check(dialling); err != nil {
		return nil, &Error{Code: framing.CodeInternal, Op: "dial", Err: err}
	}
	connect := cfg.Connect
	if connect == nil {
		host, _, err := net.SplitHostPort(addr)
		if err == nil && host == "" {
			err = errors.New("no host")
		}
		if err != nil {
			return nil, &Error{Code: framing.CodeLost, Op: "dial", Err: fmt.Errorf("address %q: %w", addr, err)}
		}
		connect = byName(Dialer().DialContext)
	}
	d := newDialler(way{addr: addr, connect: connect}, cfg)
	return d.run(ctx, wait)
}

// Dialer makes TCP connections as Dial makes them without Config.Connect.
func Dialer() *net.Dialer {
	return &net.Dialer{Timeout: connectLimit, KeepAliveConfig: keepAlive()}
}

// byName makes TCP connections by dial, which resolves the name in an address each time.
// While a name cannot be resolved, byName dials the address that the name had before: the
// network may be changing, or its settings may not be read any more.
func byName(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, w Want) (net.Conn, error) {
	var known sync.Map // what was reached under each address
	return func(ctx context.Context, w Want) (net.Conn, error) {
		addr := w.Addr
		if w.Purpose != framing.PurposeRejoin && w.Last != nil {
			addr = w.Last.RemoteAddr().String() // whatever the name says by now
		}
		conn, err := dial(ctx, "tcp", addr)
		var unresolved *net.DNSError
		if before, ok := known.Load(addr); ok && errors.As(err, &unresolved) && ctx.Err() == nil {
			conn, err = dial(ctx, "tcp", before.(string))
		}
		if err != nil {
			return nil, err
		}
		known.Store(addr, conn.RemoteAddr().String())
		return conn, nil
	}
}

// way is how the other side is reached.
type way struct {
	addr     string
	connect  func(ctx context.Context, w Want) (net.Conn, error)
	conf     *tls.Config
	instance [8]byte // what answered last
}

// dialler makes one link. It starts no goroutine.
type dialler struct {
	way
	cfg     Config
	guesses *Guesses
	broken  map[string]int   // exchanges that broke off after our confirmation, by who answered
	refused map[[8]byte]bool // instances that refused the code
	refusal error            // the first refused code
	last    net.Addr         // what took the last connection; nil if nothing did
	keys    keyring          // without a code
}

func newDialler(w way, cfg Config) *dialler {
	cfg.Guesses = cfg.guesses() // that of its link, too
	return &dialler{way: w, cfg: cfg, guesses: cfg.Guesses}
}

func (d *dialler) run(ctx context.Context, wait time.Duration) (*Link, error) {
	var err error
	if d.conf, err = newTLSConfig(); err != nil {
		return nil, wrap("dial", err)
	}
	d.cfg.machine = machine.This()
	end := time.Now().Add(wait)
	pause := firstPause
	for attempts := 1; ; attempts++ {
		began := time.Now()
		l, err := d.attempt(ctx, end, wait > 0)
		if err == nil {
			d.cfg.notify(Event{Kind: EventConnected, Link: l, Addr: l.address(), Attempts: attempts})
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, d.cancelled(ctx, err)
		}
		switch d.keys.step {
		case keyOver:
			return nil, wrap("dial", err)
		case keyNext:
			continue
		case keyAsked:
			end = end.Add(d.keys.asked)
			continue
		}
		refused := codeOf(err) == framing.CodeCodeRefused
		if refused && d.refusal == nil {
			d.refusal = wrap("dial", err)
		}
		left := time.Until(end)
		if over := refused && d.cfg.Failed == nil; over || left <= 0 || errors.Is(err, ErrNoWay) {
			return nil, d.notThere(err)
		}
		// Whoever answers may show another key each time.
		if burnt := d.guesses.Burnt(); burnt != nil {
			return nil, &Error{Code: framing.CodeCodeRefused, Op: "dial", Err: fmt.Errorf("%w: somebody may be guessing; the last one: %w", burnt, bare(err))}
		}
		if refused && d.last != nil {
			err = &AnsweredError{d.last, err}
		}
		d.cfg.notify(Event{Kind: EventWaiting, Addr: d.addr, Attempts: attempts, Err: err})
		if refused || time.Since(began) >= longestPause {
			pause = firstPause // the others have not been at fault, and nobody was hurried
		}
		select {
		case <-ctx.Done():
			return nil, d.cancelled(ctx, err)
		case <-time.After(min(jitter(pause), left)):
		}
		pause = longer(pause)
	}
}

func (d *dialler) cancelled(ctx context.Context, last error) error {
	return &Error{Code: codeOf(ctx.Err()), Op: "dial", Err: fmt.Errorf("%w; before: %w", ctx.Err(), bare(last))}
}

// attempt makes one connection and its proof. What became of a connection is told to
// Config.Failed.
func (d *dialler) attempt(ctx context.Context, end time.Time, bounded bool) (*Link, error) {
	limit := connectLimit
	if bounded {
		limit = min(limit, max(time.Until(end), shortestTry))
	}
	d.keys.step = keyAgain
	if err := d.guesses.Rest(ctx); err != nil {
		return nil, err
	}
	cctx, cancel := context.WithTimeout(ctx, limit)
	began := time.Now()
	conn, err := d.connect(cctx, Want{Addr: d.addr, Purpose: framing.PurposeNew})
	cancel()
	if d.last = nil; err != nil {
		return nil, err
	}
	d.last = conn.RemoteAddr()
	// The ladder itself knows deadlines only; closing under it is how ctx ends it.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	l, confirmed, err := d.prove(ctx, conn, time.Since(began))
	if !stop() && err == nil {
		// Cancelled between the proof and here: the connection is closed.
		l.Abort(ctx.Err())
		_ = l.Close()
		return nil, ctx.Err()
	}
	if err == nil {
		return l, nil
	}
	_ = conn.Close()
	at := conn.RemoteAddr()
	if err = d.judge(at, confirmed, err); d.cfg.Failed != nil && ctx.Err() == nil {
		d.cfg.Failed(at, err, codeOf(err) == framing.CodeCodeRefused && !d.cfg.byKeys())
	}
	return nil, err
}

// judge is the error of a connection that failed before its proof: a refused code, if
// exchanges with whoever answered broke off too often.
func (d *dialler) judge(at net.Addr, confirmed bool, err error) error {
	if codeOf(err) == framing.CodeCodeRefused || d.keys.step != keyAgain {
		return err
	}
	if !confirmed || d.cfg.byKeys() {
		return &AnsweredError{at, err}
	}
	if d.broken == nil {
		d.broken = make(map[string]int)
	}
	key := ""
	switch {
	case d.cfg.Check != nil:
		key = string(d.instance[:])
	case d.cfg.Failed != nil && at != nil:
		key = at.String()
	}
	if d.broken[key]++; d.broken[key] < maxBroken {
		return &AnsweredError{at, err}
	}
	if d.cfg.Check != nil {
		d.ruleOut(d.instance)
	}
	return &Error{Code: framing.CodeCodeRefused, Op: "dial", Err: fmt.Errorf("%w: %w", errBroken, bare(err))}
}

// prove runs the ladder on conn, which took that long to make, and makes the link. conn
// stays the caller's when there is an error.
func (d *dialler) prove(ctx context.Context, conn net.Conn, took time.Duration) (l *Link, confirmed bool, err error) {
	until := time.Now().Add(admission.ProofLimit)
	shaken := until
	if d.cfg.Failed != nil {
		shaken = earlier(until, time.Now().Add(shakeLimit+3*took)) // others wait for their turn
	}
	if err := conn.SetDeadline(shaken); err != nil {
		return nil, false, err
	}
	c, err := openLadder(record.NewConn(conn), d.conf, dialling)
	if err != nil {
		return nil, false, err
	}
	if err := conn.SetDeadline(until); err != nil {
		return nil, false, err
	}
	c.until, c.hurried = until, true
	d.instance = c.instance()
	if d.refused[d.instance] {
		return nil, false, &Error{Code: framing.CodeCodeRefused, Op: "dial", Err: errRefusedIt}
	}
	if d.cfg.Check != nil {
		if err := d.cfg.Check(conn, d.instance); err != nil {
			return nil, false, err
		}
	}
	if d.cfg.byKeys() {
		return d.proveKey(ctx, c)
	}
	p, err := newCodeProver(rand.Reader, d.cfg.Code, d.cfg.Role, c.exporter)
	if err != nil {
		return nil, false, err
	}
	if err := d.guesses.Call(); err != nil {
		return nil, false, err
	}
	peer, confirmed, err := dialHandshake(c, newSessionHello(&d.cfg, framing.MethodCode, c.exporter), p)
	d.guesses.Called(confirmed && err != nil)
	if codeOf(err) == framing.CodeCodeRefused {
		d.ruleOut(d.instance)
	}
	if err != nil {
		return nil, confirmed, err
	}
	if l, err = newLink(c, &d.cfg, peer, p, &d.way); err != nil {
		return nil, confirmed, err
	}
	return l, true, nil
}

// ruleOut remembers a side that refused the code. The same side at another address would
// only count one more wrong code.
func (d *dialler) ruleOut(instance [8]byte) {
	if d.refused == nil {
		d.refused = make(map[[8]byte]bool)
	}
	d.refused[instance] = true
}

// notThere is the error at the end of the wait: a refused code, if there was one. Two
// versions that do not meet stay apart however often ferry is run; all else may be right
// the next time.
func (d *dialler) notThere(last error) error {
	if d.refusal != nil {
		return d.refusal
	}
	code := framing.CodeLost
	if codeOf(last) == framing.CodeVersion {
		code = framing.CodeVersion
	}
	return &Error{Code: code, Op: "dial", Err: bare(last)}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// jitter spreads d over [d/2, d), so that many diallers do not come at once.
func jitter(d time.Duration) time.Duration { return d/2 + mathrand.N(d/2) }

func longer(d time.Duration) time.Duration { return min(2*d, longestPause) }
