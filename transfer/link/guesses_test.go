package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/cpace"
	"ferry/transfer/link/memory"
)

const (
	hardCode = "7-acrobat-violin-lantern" // as made up here: 3 words, 30 bits
	longCode = "1-0123456789abcdef0123456789abcdef"

	answerPace = time.Second // from one wrong answer to the next that is looked at
)

// namedConn is a connection whose source is known, as that of a relay.
type namedConn struct {
	*memory.Conn
	name string
}

// sourceOf is Config.SourceOf for these.
func sourceOf(c net.Conn) string {
	if n, ok := c.(namedConn); ok {
		return n.name
	}
	return ""
}

// dialAs connects as the source of that name.
func dialAs(inner *hall, name string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		a, b := memory.Pair()
		return a, inner.offer(ctx, namedConn{b, name})
	}
}

// guessOnce runs one exchange with a wrong answer, and returns what came of it.
func guessOnce(conn net.Conn) error {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(admission.ProofLimit))
	c, err := shake(conn)
	if err != nil {
		return err
	}
	h := newHelloFor(Sender)
	h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
	if err := c.send(framing.TypeHello, h.Append(nil)); err != nil {
		return err
	}
	if _, _, err := readHello(c, Sender); err != nil {
		return err
	}
	var p framing.Proof
	if err := c.send(framing.TypeProof, p.Append(nil)); err != nil {
		return err
	}
	_, err = readProof(c)
	return err
}

// wrongAnswers counts the wrong answers of which a listener with cfg tells.
func wrongAnswers(cfg *Config) *atomic.Int64 {
	n := new(atomic.Int64)
	cfg.Notify = func(e Event) {
		if e.Kind == EventRefused {
			n.Add(1)
		}
	}
	return n
}

// guessOn has sources guess until stop is called, which waits for them. In a
// simulation, where handshakes take no time, they need a pause between two.
func guessOn(pause time.Duration, dials ...func(context.Context) (net.Conn, error)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, dial := range dials {
		wg.Go(func() {
			for ctx.Err() == nil {
				if conn, err := dial(ctx); err == nil {
					end := context.AfterFunc(ctx, func() { _ = conn.Close() })
					_ = guessOnce(conn)
					end()
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// What a code bears, at one wrong answer a second, and that the end says how many
// addresses guessed.
func TestWhatACodeBears(t *testing.T) {
	generated, err := GenerateCode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		code  Code
		total int
	}{
		"made up":           {generated, 64},
		"28 bits":           {code(t, "7-abcdef"), 64},
		"own words":         {code(t, "7-right-code-here"), 64},
		"weak":              {code(t, "7-right"), 3},
		"long":              {code(t, longCode), 0},
		"20 characters":     {code(t, "7-abcdefghijklmnopqrst"), 0},
		"19 characters":     {code(t, "7-abcdefghijklmnopqrs"), 64},
		"ten words of ours": {code(t, "7"+strings.Repeat("-lantern", 10)), 64},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: tc.code})
				start := time.Now()
				tries := tc.total
				if tries == 0 {
					tries = 100
				}
				for i := range tries {
					conn, err := dialAs(inner, fmt.Sprint(i))(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					wantCode(t, fmt.Sprint("answer ", i), guessOnce(conn), framing.CodeCodeRefused)
				}
				want := time.Duration(max(0, tc.total-1)) * answerPace
				if took := time.Since(start); took != want {
					t.Errorf("%d wrong answers in %v, want %v", tries, took, want)
				}
				if tc.total == 0 {
					if err := l.guesses.Over(); err != nil {
						t.Errorf("after %d wrong answers: %v", tries, err)
					}
					_ = l.Close()
					return
				}
				_, err := l.Accept(t.Context())
				le := wantCode(t, "Accept", err, framing.CodeCodeRefused)
				if text := fmt.Sprintf("%d wrong answers from %d addresses", tc.total, tc.total); !errors.Is(le, ErrBurnt) || !strings.Contains(le.Error(), text) {
					t.Errorf("Accept: %v", le)
				}
				_ = l.Close()
			})
		})
	}
}

// honestAs is an honest peer from a source of its own. It returns how long it took.
func honestAs(t testing.TB, l *Listener, dial func(context.Context) (net.Conn, error), c Code) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	d := newDialler(way{addr: "memory"}, Config{Role: Sender, Code: c})
	d.connect = func(ctx context.Context, _ Want) (net.Conn, error) { return dial(ctx) }
	a, err := d.run(t.Context(), time.Hour)
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	b, err := l.Accept(t.Context())
	if err != nil {
		return 0, err
	}
	a.Abort(nil)
	b.Abort(nil)
	_, _ = a.Close(), b.Close()
	return took, nil
}

// One stranger that guesses all the time keeps nobody else out for longer than a
// second, and is looked at ever more seldom.
func TestOneGuesserKeepsNobodyOut(t *testing.T) {
	for _, text := range []string{hardCode, longCode} {
		synctest.Test(t, func(t *testing.T) {
			cfg := Config{Role: Receiver, Code: code(t, text)}
			wrong := wrongAnswers(&cfg)
			l, inner := memoryServer(t, cfg)
			stop := guessOn(500*time.Millisecond, dialAs(inner, "guesser"))
			for range 5 {
				time.Sleep(30 * time.Second)
				took, err := honestAs(t, l, dialAs(inner, "honest"), code(t, text))
				if err != nil || took > answerPace {
					t.Errorf("%s: in after %v, %v", text, took, err)
				}
			}
			stop()
			// At 0, 1, 3, 7, 15, 31, 63 and 123 s, or a little later.
			_ = l.Close()
			if n := wrong.Load(); n != 8 {
				t.Errorf("%d wrong answers in 150 s", n)
			}
		})
	}
}

// A code that was made up here, beside 200 addresses that guess without pause: it
// takes all of its 64 wrong answers to end it, and honest senders get in meanwhile.
func TestHonestBeside200Guessers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Role: Receiver, Code: code(t, hardCode)}
		wrong := wrongAnswers(&cfg)
		l, inner := memoryServer(t, cfg)
		var dials []func(context.Context) (net.Conn, error)
		for i := range 200 {
			dials = append(dials, dialAs(inner, fmt.Sprint("guesser ", i)))
		}
		start := time.Now()
		stop := guessOn(answerPace, dials...)
		honest := 0
		var longest time.Duration
		for {
			time.Sleep(5 * time.Second) // all of them wait by then
			took, err := honestAs(t, l, dialAs(inner, "honest"), code(t, hardCode))
			if err != nil {
				wantCode(t, "the last one", err, framing.CodeCodeRefused)
				break
			}
			honest++
			longest = max(longest, took)
		}
		took := time.Since(start)
		stop()
		_ = l.Close()
		if n := wrong.Load(); n != 64 {
			t.Errorf("ended by %d wrong answers", n)
		}
		if honest < 5 || longest > 15*time.Second {
			t.Errorf("%d honest senders got in, the slowest in %v", honest, longest)
		}
		t.Logf("%d honest senders got in before the code was burnt after %v, the slowest in %v", honest, took, longest)
	})
}

// Over real connections: 200 addresses, or one, guess without pause at a secret of 20
// characters, and keep an honest sender out for no more than 10 s. Nor does one address that
// guesses at a code which was made up here. (A listener with a 128-bit code was once
// ended by three wrong answers in 27 ms.)
func TestGuessersOverLoopback(t *testing.T) {
	for _, tc := range []struct {
		name, code string
		addresses  int
	}{{"one, a generated code", hardCode, 1}, {"one, a long secret", longCode, 1}, {"200, a long secret", longCode, 200}} {
		t.Run(tc.name, func(t *testing.T) {
			if runtime.GOOS != "linux" {
				t.Skip("the loopback interface has one address")
			}
			cfg := Config{Role: Receiver, Code: code(t, tc.code)}
			wrong := wrongAnswers(&cfg)
			l := listen(t, cfg)
			var dials []func(context.Context) (net.Conn, error)
			for i := range tc.addresses {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(i+1))}}
				dials = append(dials, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp4", l.Addr().String()) })
			}
			stop := guessOn(0, dials...)
			defer stop()
			for wrong.Load() == 0 {
				runtime.Gosched()
			}
			var longest time.Duration
			var honest net.Dialer
			for range 5 {
				took, err := honestAs(t, l, func(ctx context.Context) (net.Conn, error) {
					return honest.DialContext(ctx, "tcp4", l.Addr().String())
				}, code(t, tc.code))
				if err != nil {
					t.Fatal(err)
				}
				longest = max(longest, took)
			}
			if longest > slowed*10*time.Second {
				t.Errorf("an honest sender was kept out for %v", longest)
			}
			t.Logf("the slowest of 5 honest senders took %v, beside %d wrong answers", longest, wrong.Load())
		})
	}
}

// BenchmarkHonestBesideGuessers tells how many honest senders, one after another, get
// in before 200 addresses that guess without pause have burnt a generated code. Of
// real connections, and so it takes its minute: -bench HonestBeside -benchtime 1x.
func BenchmarkHonestBesideGuessers(b *testing.B) {
	for range b.N {
		cfg := Config{Role: Receiver, Code: code(b, hardCode)}
		wrong := wrongAnswers(&cfg)
		l := listen(b, cfg)
		var dials []func(context.Context) (net.Conn, error)
		for i := range 200 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(i+1))}}
			dials = append(dials, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp4", l.Addr().String()) })
		}
		stop := guessOn(0, dials...)
		var honest net.Dialer
		var in int
		var longest time.Duration
		for {
			took, err := honestAs(b, l, func(ctx context.Context) (net.Conn, error) {
				return honest.DialContext(ctx, "tcp4", l.Addr().String())
			}, code(b, hardCode))
			if err != nil {
				b.Logf("%d honest senders got in, the slowest in %v; then, after %d wrong answers: %v", in, longest, wrong.Load(), err)
				break
			}
			in++
			longest = max(longest, took)
		}
		stop()
		b.ReportMetric(float64(in), "honest")
		b.ReportMetric(longest.Seconds(), "slowest-s")
	}
}
