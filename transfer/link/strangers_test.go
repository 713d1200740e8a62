package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/memory"
	"ferry/transfer/link/record"
)

// Each step before the proof has its own limit, all of them count from accept,
// and bytes that trickle in stretch none.
func TestStrangersAreTimed(t *testing.T) {
	for name, tc := range map[string]struct {
		speak func(*testing.T, net.Conn)
		limit time.Duration
	}{
		"silent": {func(*testing.T, net.Conn) {}, admission.FirstByteLimit},
		"one byte": {func(_ *testing.T, c net.Conn) {
			_, _ = c.Write([]byte{0x16})
		}, admission.TLSLimit},
		"one byte a second": {func(_ *testing.T, c net.Conn) {
			for _, b := range []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3} {
				_, _ = c.Write([]byte{b})
				time.Sleep(time.Second)
			}
		}, admission.TLSLimit},
		"TLS and no HELLO": {func(t *testing.T, c net.Conn) {
			handshakeOnly(t, c)
		}, admission.ProofLimit},
		"TLS and a HELLO of one byte in ten seconds": {func(t *testing.T, c net.Conn) {
			ch := handshakeOnly(t, c)
			for _, b := range []byte{0, 0, 0, 80, 1} {
				_, _ = ch.tls.Write([]byte{b})
				_ = ch.raw.Flush()
				time.Sleep(10 * time.Second)
			}
		}, admission.ProofLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				conn, closed := dialWatched(t, inner)
				start := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() { tc.speak(t, conn) })
				// The other direction carries nothing more once the listener closed.
				<-closed
				if took := time.Since(start); took != tc.limit {
					t.Errorf("closed after %v, want %v", took, tc.limit)
				}
				wg.Wait()
				_ = conn.Close()
				_ = l.Close()
			})
		})
	}
}

// watched tells when a listener closes a connection.
type watched struct {
	*memory.Conn
	once   sync.Once
	closed chan struct{}
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// dialWatched connects; closed is closed when the listener closes its end.
func dialWatched(t *testing.T, inner *hall) (near net.Conn, closed <-chan struct{}) {
	t.Helper()
	a, b := memory.Pair()
	w := &watched{Conn: b, closed: make(chan struct{})}
	if err := inner.offer(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return a, w.closed
}

func handshakeOnly(t *testing.T, conn net.Conn) *ladder {
	conf, err := newTLSConfig()
	if err != nil {
		t.Error(err)
		return nil
	}
	c, err := openLadder(record.NewConn(conn), conf, dialling)
	if err == nil {
		err = c.raw.Flush() // else our last flight waits for the HELLO
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	return c
}

// A thousand connections that stall at whatever step do not keep an honest peer
// of the same address out for longer than 2 s.
func TestHonestPeerAmongAThousand(t *testing.T) {
	for name, stall := range map[string]func(*testing.T, net.Conn){
		"silent": func(*testing.T, net.Conn) {},
		"one byte": func(_ *testing.T, c net.Conn) {
			_, _ = c.Write([]byte{0x16})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, Config{Role: Receiver, Code: code(t, "7-right")})
			for range 1000 {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				stall(t, c)
			}
			honestGetsIn(t, l, promised)
		})
	}
	t.Run("TLS done", func(t *testing.T) {
		l := listen(t, Config{Role: Receiver, Code: code(t, "7-right")})
		conf, err := newTLSConfig()
		if err != nil {
			t.Fatal(err)
		}
		for range 48 {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			// Those beyond the limit of one source are turned away.
			_ = c.SetDeadline(time.Now().Add(admission.TLSLimit))
			if ch, err := openLadder(record.NewConn(c), conf, dialling); err == nil {
				_ = ch.raw.Flush()
			}
		}
		honestGetsIn(t, l, promised)
	})
}

// promised is how soon an honest peer gets in, whatever strangers do.
const promised = 2 * time.Second

func honestGetsIn(t *testing.T, l *Listener, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	a, err := Dial(ctx, l.Addr().String(), Config{Role: Sender, Code: code(t, "7-right")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	closeBoth(t, a, b)
}

// scarce fails with EMFILE a few times before it accepts.
type scarce struct {
	*hall
	left int
	at   []time.Time
}

func (s *scarce) Accept() (net.Conn, error) {
	s.at = append(s.at, time.Now())
	if s.left > 0 {
		s.left--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.hall.Accept()
}

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &scarce{hall: newHall(), left: 12}
		l, err := newListener(inner, Config{Role: Receiver, Code: code(t, "7-right")})
		if err != nil {
			t.Fatal(err)
		}
		a, err := dialMemory(t, inner.hall, Config{Role: Sender, Code: code(t, "7-right")}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closeBoth(t, a, b)
		_ = l.Close()
		for i := 2; i < 13; i++ {
			before, after := inner.at[i-1].Sub(inner.at[i-2]), inner.at[i].Sub(inner.at[i-1])
			if want := min(2*before, longestAcceptPause); after != want {
				t.Errorf("pause %d is %v after %v", i, after, before)
			}
		}
	})
}

// However many guess at once, no more than burn the code are looked at, one a second.
func TestParallelGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cfg := Config{Role: Receiver, Code: code(t, "7-right")}
		refused := wrongAnswers(&cfg)
		l, inner := memoryServer(t, cfg)
		const crowd = 16
		ready := make(chan struct{})
		var wg sync.WaitGroup
		for i := range crowd {
			wg.Go(func() {
				c := stranger(t, dialAs(inner, fmt.Sprint("source ", i)))
				p, err := newCodeProver(rand.Reader, code(t, "7-wrong"), Sender, c.exporter)
				if err != nil {
					t.Error(err)
					return
				}
				<-ready
				_, _, err = dialHandshake(c, newHelloFor(Sender), p)
				if codeOf(err) != framing.CodeCodeRefused {
					t.Errorf("guess: %v", err)
				}
			})
		}
		synctest.Wait() // all are through TLS
		close(ready)
		wg.Wait()
		if n := refused.Load(); n != 3 {
			t.Errorf("%d confirmations were looked at", n)
		}
		if took := time.Since(start); took != 2*answerPace {
			t.Errorf("three wrong answers in %v", took)
		}
		_, err := l.Accept(t.Context())
		if le := wantCode(t, "Accept", err, framing.CodeCodeRefused); !errors.Is(le, ErrBurnt) || !strings.Contains(le.Error(), "3 wrong answers from 3 addresses") {
			t.Errorf("Accept: %v", err)
		}
		_ = l.Close()
	})
}

// Of two who know the code and come at the same moment one gets the session, and
// the other gets it when the first has gone.
func TestTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
		ready := make(chan struct{})
		results := make(chan error, 2)
		for range 2 {
			c := stranger(t, inner.dial)
			p, err := newCodeProver(rand.Reader, code(t, "7-right"), Sender, c.exporter)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				<-ready
				_, _, err := dialHandshake(c, newHelloFor(Sender), p)
				results <- err
			}()
		}
		synctest.Wait()
		close(ready)
		first, second := <-results, <-results
		if first == nil {
			first, second = second, first
		}
		wantCode(t, "the slower one", first, framing.CodeBusy)
		if second != nil {
			t.Errorf("nobody got in: %v", second)
		}
		link, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// A third one waits until the session is free.
		waiting := make(chan error, 1)
		third := make(chan *Link, 1)
		go func() {
			cfg := Config{Role: Sender, Code: code(t, "7-right")}
			cfg.Notify = func(e Event) {
				if e.Kind == EventWaiting {
					select {
					case waiting <- e.Err:
					default:
					}
				}
			}
			got, err := dialMemory(t, inner, cfg, time.Hour)
			if err != nil {
				t.Error(err)
			}
			third <- got
		}()
		wantCode(t, "the third", <-waiting, framing.CodeBusy)
		link.Abort(errors.New("gone"))
		_ = link.Close()
		far, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closeBoth(t, <-third, far)
		_ = l.Close()
	})
}
