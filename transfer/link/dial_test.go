package link

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/link/cpace"
	"ferry/transfer/link/memory"
	"ferry/transfer/reach/socket/sockettest"
)

// Either side may start first.
func TestDialWaitsForTheListener(t *testing.T) {
	addr, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan Event, 100)
	dialled := make(chan *Link, 1)
	go func() {
		l, err := Dial(t.Context(), addr, Config{Role: Sender, Code: code(t, "7-right"), Notify: func(e Event) { events <- e }}, time.Minute)
		if err != nil {
			t.Error(err)
		}
		dialled <- l
	}()
	if e := <-events; e.Kind != EventWaiting || e.Addr != addr || e.Attempts != 1 || e.Err == nil {
		t.Errorf("first event %+v", e)
	}
	l := listenOn(t, addr, Config{Role: Receiver, Code: code(t, "7-right")})
	defer func() { _ = l.Close() }()
	b, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := <-dialled
	if peer, _, version := a.Peer(); peer != addr || version != framing.Version {
		t.Errorf("peer %q, version %d", peer, version)
	}
	closeBoth(t, a, b)
}

// The pauses between attempts grow from 20 ms to 5 s, and the wait is kept to.
func TestDialBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		var at []time.Time
		d := newDialler(way{addr: "memory"}, Config{Role: Sender, Code: code(t, "7-right")})
		d.connect = func(context.Context, Want) (net.Conn, error) {
			at = append(at, time.Now())
			return nil, refused
		}
		start := time.Now()
		_, err := d.run(t.Context(), time.Minute)
		le := wantCode(t, "dial", err, framing.CodeLost)
		if le.Op != "dial" || !errors.Is(err, refused) {
			t.Errorf("%v does not name the cause", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("gave up after %v", took)
		}
		pause := firstPause
		for i := 1; i < len(at)-1; i++ {
			if got := at[i].Sub(at[i-1]); got < pause/2 || got >= pause {
				t.Errorf("pause %d: %v, want %v to %v", i, got, pause/2, pause)
			}
			pause = min(2*pause, longestPause)
		}
		if len(at) < 15 {
			t.Errorf("only %d attempts", len(at))
		}
	})
}

// Connect may wait for somebody to come. No pause is made behind that: who comes in it would
// find nobody.
func TestDialPausesBehindNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended time.Time
		d := newDialler(way{addr: "memory"}, Config{Role: Sender, Code: code(t, "7-right")})
		d.connect = func(ctx context.Context, _ Want) (net.Conn, error) {
			if pause := time.Since(ended); !ended.IsZero() && pause > firstPause {
				t.Errorf("nobody waited for %v", pause)
			}
			<-ctx.Done()
			ended = time.Now()
			return nil, ctx.Err()
		}
		_, err := d.run(t.Context(), 10*time.Minute)
		wantCode(t, "dial", err, framing.CodeLost)
	})
}

// Another program that answers first ends no dialler that waits, whatever it says: the
// right one may come yet.
func TestNothingBeforeAProofIsFinal(t *testing.T) {
	hello := func(change func(*framing.Hello)) func(*ladder) {
		return func(c *ladder) {
			if _, err := c.expect(framing.TypeHello); err != nil {
				return
			}
			h := newHelloFor(Receiver)
			h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
			change(&h)
			_ = c.send(framing.TypeHello, h.Append(nil))
		}
	}
	refuse := func(code framing.Code) func(*ladder) { return func(c *ladder) { c.refuse(code) } }
	for name, script := range map[string]func(*ladder){
		"the same role":      hello(func(h *framing.Hello) { h.Role = Sender }),
		"another version":    hello(func(h *framing.Hello) { h.MinVersion, h.MaxVersion = 7, 9 }),
		"another purpose":    hello(func(h *framing.Hello) { h.Method = framing.MethodKey }),
		"no share":           hello(func(h *framing.Hello) { h.Share = nil }),
		"a useless share":    hello(func(h *framing.Hello) { h.Share = make([]byte, cpace.ShareSize) }),
		"a HELLO, and gone":  hello(func(*framing.Hello) {}),
		"garbage":            func(c *ladder) { _ = c.send(framing.TypeData, []byte("garbage")) },
		"an end":             func(*ladder) {},
		"a busy side":        refuse(framing.CodeBusy),
		"one that declines":  refuse(framing.CodeDeclined),
		"one that is broken": refuse(framing.CodeInternal),
		"no version":         refuse(framing.CodeVersion),
		"a broken rule":      refuse(framing.CodeProtocol),
		"silence":            func(c *ladder) { _, _, _ = c.r.Next(); _, _, _ = c.r.Next() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wrong := scripted(t, script)
				l, right := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				tries := 0
				d := newDialler(way{addr: "memory"}, Config{Role: Sender, Code: code(t, "7-right")})
				d.connect = func(ctx context.Context, _ Want) (net.Conn, error) {
					if tries++; tries < maxBroken {
						return wrong.dial(ctx)
					}
					return right.dial(ctx)
				}
				a, err := d.run(t.Context(), time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				b, err := l.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				closeBoth(t, a, b)
				_ = wrong.Close()
				_ = l.Close()
			})
		})
	}
	// But a code that is refused is.
	synctest.Test(t, func(t *testing.T) {
		wrong := scripted(t, refuse(framing.CodeCodeRefused))
		start := time.Now()
		_, err := dialMemory(t, wrong, Config{Role: Sender, Code: code(t, "7-right")}, time.Minute)
		wantCode(t, "a refused code", err, framing.CodeCodeRefused)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		_ = wrong.Close()
	})
}

// Where several addresses are called, a refused code is told of the one that refused it.
func TestARefusedCodeNamesItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := scripted(t, func(c *ladder) { c.refuse(framing.CodeCodeRefused) })
		defer func() { _ = wrong.Close() }()
		var told []Event
		d := newDialler(way{addr: "one,other"}, Config{
			Role: Sender, Code: code(t, "7-right"), Failed: func(net.Addr, error, bool) {}, Notify: func(e Event) { told = append(told, e) },
		})
		d.connect = func(ctx context.Context, _ Want) (net.Conn, error) {
			if len(told) > 0 {
				return nil, ErrNoWay
			}
			return wrong.dial(ctx)
		}
		_, err := d.run(t.Context(), time.Minute)
		wantCode(t, "a refused code", err, framing.CodeCodeRefused)
		var answered *AnsweredError
		if len(told) != 1 || !errors.As(told[0].Err, &answered) || answered.Addr == nil || codeOf(told[0].Err) != framing.CodeCodeRefused {
			t.Errorf("told %+v", told)
		}
	})
}

func TestDialOnce(t *testing.T) {
	addr, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	called := false
	_, err = Dial(t.Context(), addr, Config{Role: Sender, Code: code(t, "7-right"), Notify: func(Event) { called = true }}, 0)
	if le := wantCode(t, "dial", err, framing.CodeLost); le.Op != "dial" {
		t.Errorf("Op %q", le.Op)
	}
	if called {
		t.Error("told of waiting that does not happen")
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	// While it pauses.
	ctx, cancel := context.WithCancel(t.Context())
	d := newDialler(way{addr: "memory"}, Config{Role: Sender, Code: code(t, "7-right"), Notify: func(Event) { cancel() }})
	d.connect = func(context.Context, Want) (net.Conn, error) { return nil, errors.New("refused") }
	_, err := d.run(ctx, time.Hour)
	wantCode(t, "while it pauses", err, framing.CodeInterrupted)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// While the other side is silent.
	ctx, cancel = context.WithCancel(t.Context())
	d.connect = func(context.Context, Want) (net.Conn, error) {
		a, b := memory.Pair()
		go func() {
			_, _ = b.Read(make([]byte, 1))
			cancel()
		}()
		return a, nil
	}
	_, err = d.run(ctx, time.Hour)
	wantCode(t, "in the handshake", err, framing.CodeInterrupted)
}

func TestConfigsAreChecked(t *testing.T) {
	good := code(t, "7-right")
	some := &Keys{Verify: verifyTest}
	for _, cfg := range []Config{{}, {Role: Sender}, {Code: good}, {Role: 3, Code: good}, {Role: Sender, Keys: some}, {Role: Sender, Code: good, Keys: some}} {
		if cfg.Role != AnyRole || cfg.Code.isZero() { // of a listener the role may be left open
			if _, err := Serve(newHall(), cfg); !errors.Is(err, errConfig) {
				t.Errorf("Serve(%+v): %v", cfg, err)
			}
		}
		if _, err := Dial(t.Context(), "127.0.0.1:1", cfg, 0); !errors.Is(err, errConfig) {
			t.Errorf("Dial(%+v): %v", cfg, err)
		}
	}
	for _, addr := range []string{"", "host", ":33779", "a:b:c", "fe80::1"} {
		_, err := Dial(t.Context(), addr, Config{Role: Sender, Code: good}, time.Hour)
		wantCode(t, "Dial "+addr, err, framing.CodeLost)
	}
	if _, _, err := Pipe(Config{Role: Sender}, Config{Role: Sender}); !errors.Is(err, ErrSameRole) {
		t.Errorf("Pipe of two senders: %v", err)
	}
	if _, _, err := Pipe(Config{Role: Sender, Code: good}, Config{Role: Receiver, Code: code(t, "7-wrong")}); codeOf(err) != framing.CodeCodeRefused {
		t.Errorf("Pipe of two codes: %v", err)
	}
}

func TestAcceptEnds(t *testing.T) {
	l := listen(t, Config{Role: Receiver, Code: code(t, "7-right")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Accept(ctx)
	wantCode(t, "cancelled", err, framing.CodeInterrupted)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept(t.Context())
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// A link that nobody accepted ends with its listener.
func TestCloseDropsWhatWasNotAccepted(t *testing.T) {
	l := listen(t, Config{Role: Receiver, Code: code(t, "7-right")})
	a, err := Dial(t.Context(), l.Addr().String(), Config{Role: Sender, Code: code(t, "7-right")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Stream(0).Next(); err == nil {
		t.Error("the other side goes on")
	}
	_ = a.Close()
}

// Capabilities count when both sides have them.
func TestCapabilities(t *testing.T) {
	a, b, err := Pipe(Config{Role: Sender, Capabilities: framing.CapZstd | 1<<40}, Config{Role: Receiver, Capabilities: framing.CapZstd | framing.CapCopy})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Link{a, b} {
		if _, caps, _ := l.Peer(); caps != framing.CapZstd {
			t.Errorf("capabilities %b", caps)
		}
	}
	closeBoth(t, a, b)
}

// Without a host, one listener takes both families.
func TestListensOnBothFamilies(t *testing.T) {
	l := listenOn(t, ":0", Config{Role: Receiver, Code: code(t, "7-right")})
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	hosts := []string{"127.0.0.1"}
	if probe, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		_ = probe.Close()
		hosts = append(hosts, "::1")
	}
	for _, host := range hosts {
		a, err := Dial(t.Context(), net.JoinHostPort(host, port), Config{Role: Sender, Code: code(t, "7-right")}, 0)
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closeBoth(t, a, b)
	}
}
