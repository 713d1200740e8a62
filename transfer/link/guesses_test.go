package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/cpace"
	"ferry/transfer/link/memory"
)

const (
	hardCode = "7-acrobat-violin-lantern" // as made up here: 3 words, 30 bits
	longCode = "1-0123456789abcdef0123456789abcdef"
)

// namedConn is a connection that says where it comes from, as a relay's does.
type namedConn struct {
	*memory.Conn
	name string
}

func (c namedConn) Source() string { return c.name }

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
	_ = conn.SetDeadline(time.Now().Add(proofLimit))
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
					if err := l.guesses.over(); err != nil {
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
	d := &dialler{addr: "memory", cfg: Config{Role: Sender, Code: c}}
	d.connect = func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }
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
			l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, text)})
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
			if wrong := l.guesses.wrong; wrong != 8 {
				t.Errorf("%d wrong answers in 150 s", wrong)
			}
			_ = l.Close()
		})
	}
}

// A code that was made up here, beside 200 addresses that guess without pause: it
// takes all of its 64 wrong answers to end it, and honest senders get in meanwhile.
func TestHonestBeside200Guessers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, hardCode)})
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
		if wrong := l.guesses.wrong; wrong != 64 {
			t.Errorf("ended by %d wrong answers", wrong)
		}
		if honest < 5 || longest > 15*time.Second {
			t.Errorf("%d honest senders got in, the slowest in %v", honest, longest)
		}
		t.Logf("%d honest senders got in before the code was burnt after %v, the slowest in %v", honest, took, longest)
		_ = l.Close()
	})
}

// Over real connections: 200 addresses, and one, that guess without pause at a secret
// of 20 characters keep an honest sender out for no more than 10 s, nor does one that
// guesses at a code that was made up here. (A listener with a 128-bit code was once
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
			var wrong atomic.Int64
			l := listen(t, Config{Role: Receiver, Code: code(t, tc.code), Notify: func(e Event) {
				if e.Kind == EventRefused {
					wrong.Add(1)
				}
			}})
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
		l := listen(b, Config{Role: Receiver, Code: code(b, hardCode)})
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
				b.Logf("%d honest senders got in, the slowest in %v; then, after %d wrong answers: %v", in, longest, l.guesses.wrong, err)
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

// answerOf is an exchange of a source with that answer. It returns what comes of it.
func answerOf(g *guesses, from source, right bool) error {
	t, err := g.begin(from, time.Now(), time.Now().Add(turnLimit))
	if err != nil {
		return err
	}
	defer g.end(t)
	t.asked = true
	if err := g.answered(t, time.Now().Add(proofLimit)); err != nil {
		return err
	}
	return g.settle(t, right)
}

// A source is refused for 1 s, 2 s, 4 s … 1 min, whatever it answers then, and
// forgotten after 10 min.
func TestPenaltiesDouble(t *testing.T) {
	for _, text := range []string{hardCode, longCode} {
		synctest.Test(t, func(t *testing.T) {
			g := newGuesses(code(t, text))
			from := source{named: "x"}
			refusedFor := func() time.Duration {
				start := time.Now()
				for {
					err := answerOf(g, from, true)
					if err == nil {
						return time.Since(start)
					}
					wantCode(t, "a right answer of a source that is refused", err, framing.CodeBusy)
					time.Sleep(100 * time.Millisecond)
				}
			}
			for round, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
				wantCode(t, "a wrong answer", answerOf(g, from, false), framing.CodeCodeRefused)
				if got := refusedFor(); got != time.Duration(seconds)*time.Second {
					t.Errorf("after %d wrong answers refused for %v, want %d s", round+1, got, seconds)
				}
			}
			time.Sleep(forgiveAfter)
			wantCode(t, "a wrong answer", answerOf(g, from, false), framing.CodeCodeRefused)
			if got := refusedFor(); got != time.Second {
				t.Errorf("one that was forgotten is refused for %v", got)
			}
		})
	}
}

// Who goes first of those who wait.
func TestWhoseTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(code(t, hardCode))
		named := func(s string) source { return source{named: s} }
		for _, s := range []string{"old", "bad"} {
			wantCode(t, s, answerOf(g, named(s), false), framing.CodeCodeRefused)
		}
		time.Sleep(2 * firstPenalty)
		var order []string
		var wg sync.WaitGroup
		enter := func(s string) {
			wg.Go(func() {
				turn, err := g.begin(named(s), time.Now(), time.Now().Add(turnLimit))
				if err == nil {
					err = g.answered(turn, time.Now().Add(proofLimit))
				}
				if err != nil {
					t.Errorf("%s: %v", s, err)
					return
				}
				order = append(order, s) // one at a time
				_ = g.settle(turn, s == "right")
			})
			synctest.Wait()
		}
		holder, err := g.begin(named("holder"), time.Now(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		replaced := make(chan error, 1)
		go func() { replaced <- answerOf(g, named("b"), true) }()
		synctest.Wait()
		for _, s := range []string{"a", "bad", "b", "right", "old", "c"} {
			enter(s)
		}
		wantCode(t, "an older exchange of a source that waits", <-replaced, framing.CodeBusy)
		start := time.Now()
		g.end(holder)
		wg.Wait()
		if got := strings.Join(order, " "); got != "c right b a old bad" {
			t.Errorf("the turns were %s", got)
		}
		// c at once, right a second later, b at the same time, and so on.
		if took := time.Since(start); took != 4*answerPace {
			t.Errorf("they took %v", took)
		}
		g.close()
	})
}

// Who has a turn and does not answer holds the others up for no longer than
// turnLease, and is taken for one that was wrong then; its answer still counts when
// it comes in time, but no sooner than the pace has it. It burns nothing.
func TestTurnsThatAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(code(t, hardCode))
		slow, lazy := source{named: "slow"}, source{named: "lazy"}
		first, err := g.begin(slow, time.Now(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		first.asked = true
		start := time.Now()
		second, err := g.begin(lazy, time.Now(), time.Now().Add(time.Hour))
		if err != nil || time.Since(start) != turnLease {
			t.Fatalf("the next turn came after %v: %v", time.Since(start), err)
		}
		second.asked = true
		start = time.Now()
		wantCode(t, "a third", answerOf(g, source{named: "third"}, false), framing.CodeCodeRefused)
		if took := time.Since(start); took != turnLease {
			t.Errorf("a third had its turn after %v", took)
		}
		start = time.Now()
		if err := g.answered(first, time.Now().Add(time.Hour)); err != nil || time.Since(start) != answerPace {
			t.Errorf("a late answer was looked at after %v: %v", time.Since(start), err)
		}
		if err := g.settle(first, true); err != nil {
			t.Errorf("a late answer: %v", err)
		}
		g.end(first)
		g.end(second)
		wantCode(t, "one that did not answer", answerOf(g, lazy, true), framing.CodeBusy)
		if g.wrong != 1 || g.from != 1 {
			t.Errorf("%d wrong answers from %d", g.wrong, g.from)
		}
		g.close()
	})
}

// A room that is full has who is the furthest from a turn leave, one whose time is
// over leaves, and so do all when it closes, or sheds.
func TestTheRoomIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(code(t, hardCode))
		wantCode(t, "a wrong answer", answerOf(g, source{named: "wrong"}, false), framing.CodeCodeRefused)
		g.next = time.Now().Add(time.Hour) // nobody has a turn
		left := make(map[int]*Error)
		var mu sync.Mutex
		enter := func(i int) {
			go func() {
				_, err := g.begin(source{named: fmt.Sprint(i)}, time.Now(), time.Now().Add(time.Minute))
				mu.Lock()
				defer mu.Unlock()
				left[i] = err
			}()
			synctest.Wait()
		}
		gone := func() int { mu.Lock(); defer mu.Unlock(); return len(left) }
		for i := range maxTurns + 2 {
			enter(i)
		}
		if gone() != 2 || left[0] == nil || left[1] == nil || left[0].Code != framing.CodeBusy {
			t.Errorf("out are %v", left)
		}
		g.shed()
		synctest.Wait()
		if n := gone(); n != 2+maxTurns/2 {
			t.Errorf("after shedding %d are out", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := gone(); n != 2+maxTurns {
			t.Errorf("after their time %d are out", n)
		}
		enter(1000)
		g.close()
		synctest.Wait()
		if left[1000] == nil {
			t.Error("the room is closed, and one waits")
		}
	})
}

// Whoever has a whole IPv6 /48 fills no memory: of its 65536 networks the last
// maxSources are remembered.
func TestSourcesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuesses(code(t, longCode))
		at := func(i int) source {
			return source{network: netip.MustParsePrefix(fmt.Sprintf("2001:db8:1:%x::/64", i))}
		}
		for i := range 1 << 16 {
			_ = answerOf(g, at(i), false)
		}
		if len(g.blamed.known) != maxSources || g.blamed.order.Len() != maxSources {
			t.Errorf("%d and %d are remembered", len(g.blamed.known), g.blamed.order.Len())
		}
		if err := answerOf(g, at(1<<16-maxSources-1), true); err != nil {
			t.Errorf("one that was forgotten: %v", err)
		}
		wantCode(t, "one that is remembered", answerOf(g, at(1<<16-maxSources), true), framing.CodeBusy)
	})
}

// addressed is a connection between two addresses.
type addressed struct {
	net.Conn
	remote, local string
}

func (c addressed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.remote))
}
func (c addressed) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.local))
}

func TestSources(t *testing.T) {
	for _, tc := range []struct{ remote, local, want string }{
		{"192.0.2.7:1", "192.0.2.1:1", "192.0.2.7/32"},
		{"[::ffff:192.0.2.7]:1", "[::ffff:192.0.2.1]:1", "192.0.2.7/32"},
		{"[2001:db8:1:2:3::4]:1", "[2001:db8:9::1]:1", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2:3::4]:1", "[2001:db8:1:2::1]:1", "2001:db8:1:2:3::4/128"}, // a neighbour
		{"[fe80::3%lo]:1", "[fe80::1%lo]:1", "fe80::3/128"},
		{"[::1]:1", "[::1]:1", "::1/128"},
	} {
		got := sourceOf(addressed{remote: tc.remote, local: tc.local})
		if got.network.String() != tc.want || got.named != "" {
			t.Errorf("%s at %s counts as %v, want %s", tc.remote, tc.local, got, tc.want)
		}
	}
	a, _ := memory.Pair()
	if got := sourceOf(a); got != (source{}) {
		t.Errorf("one in memory counts as %v", got)
	}
	if got := sourceOf(namedConn{a, "relay 3"}); got != (source{named: "relay 3"}) {
		t.Errorf("one that names itself counts as %v", got)
	}
}
