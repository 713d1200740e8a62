package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// knowing makes a link in memory whose sides have these capabilities.
func knowing(t *testing.T, near, far uint64) *rejoining {
	t.Helper()
	r := &rejoining{}
	cfg := Config{Role: Receiver, Code: code(t, "7-right"), RetryFor: time.Minute, Notify: r.notify, Capabilities: far}
	var inner *hall
	r.listener, inner = memoryServer(t, cfg)
	r.network = &network{inner: inner}
	cfg.Role, cfg.Connect, cfg.Capabilities = Sender, r.connect, near
	var err error
	if r.a, err = Dial(t.Context(), "memory:1", cfg, 0); err != nil {
		t.Fatal(err)
	}
	if r.b, err = r.listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func somePaths(n int) (list []framing.Path) {
	for i := range n {
		list = append(list, framing.Path{Kind: framing.PathV4, Host: fmt.Sprint("192.0.2.", i+1), Port: 33779})
	}
	return list
}

// What a side says of its addresses arrives, in its order, over losses and moves.
func TestPathsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := knowing(t, framing.CapPaths, framing.CapPaths)
		ends := []<-chan error{read(r.a, 0), read(r.b, 0)}
		hears := func(l *Link, want []framing.Path) {
			t.Helper()
			for {
				got, changed := l.Paths()
				if slices.Equal(got, want) {
					return
				}
				select {
				case <-changed:
				case <-time.After(time.Minute):
					t.Fatalf("heard %v, want %v", got, want)
				}
			}
		}
		tell := func(l *Link, n int) {
			t.Helper()
			if err := l.TellPaths(somePaths(n)); err != nil {
				t.Fatal(err)
			}
		}
		tell(r.a, 3)
		tell(r.b, framing.MaxPaths)
		hears(r.b, somePaths(3))
		hears(r.a, somePaths(framing.MaxPaths))
		r.refuse(errors.New("unplugged"))
		r.cut()
		tell(r.a, 4) // while the link is lost
		time.Sleep(time.Second)
		r.refuse(nil)
		hears(r.b, somePaths(4))
		if err := r.a.Move(t.Context(), r.onward(t)); err != nil {
			t.Error(err)
		}
		tell(r.a, 0)
		hears(r.b, nil)
		if err := r.a.Punch(150 * time.Millisecond); err != nil {
			t.Error(err)
		}
		if d := <-r.b.Punches(); d != 150*time.Millisecond {
			t.Errorf("punch after %v", d)
		}
		for range 3 {
			if err := r.a.Punch(time.Hour); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if d := <-r.b.Punches(); d != framing.MaxPunch || len(r.b.Punches()) != 0 {
			t.Errorf("punch after %v, and %d more", d, len(r.b.Punches()))
		}
		r.close()
		for _, end := range ends {
			<-end
		}
	})
}

// What cannot be said is not sent.
func TestPathsThatAreNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, caps := range [][2]uint64{{framing.CapPaths, 0}, {0, framing.CapPaths}, {0, 0}} {
			r := knowing(t, caps[0], caps[1])
			if err := errors.Join(r.a.TellPaths(nil), r.a.Punch(0)); !errors.Is(err, errNoPaths) {
				t.Errorf("capabilities %v: %v", caps, err)
			}
			r.close()
		}
		r := knowing(t, framing.CapPaths, framing.CapPaths)
		wantCode(t, "too many", r.a.TellPaths(somePaths(framing.MaxPaths+1)), framing.CodeInternal)
		wantCode(t, "a zone", r.a.TellPaths([]framing.Path{{Kind: framing.PathLocal, Host: "fe80::1%eth0", Port: 1}}), framing.CodeInternal)
		if err := r.b.Punch(0); !errors.Is(err, errWhoPunch) {
			t.Errorf("the listener: %v", err)
		}
		r.close()
	})
}

// A peer that says it at the wrong place breaks a rule.
func TestPathsAtTheWrongPlace(t *testing.T) {
	paths, err := (&framing.Paths{Serial: 1}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	punch := (&framing.Punch{Serial: 1}).Append(nil)
	for _, tc := range []struct {
		name   string
		caps   uint64
		stream int
		kind   framing.Type
		body   []byte
		back   bool // from the listener
	}{
		{"PATHS without the capability", 0, 0, framing.TypePaths, paths, false},
		{"PUNCH without the capability", 0, 0, framing.TypePunch, punch, false},
		{"PUNCH from the listener", framing.CapPaths, 0, framing.TypePunch, punch, true},
		{"PATHS on stream 1", framing.CapPaths, 1, framing.TypePaths, paths, false},
		{"PUNCH on stream 1", framing.CapPaths, 1, framing.TypePunch, punch, false},
		{"damaged PATHS", framing.CapPaths, 0, framing.TypePaths, append(slices.Clone(paths), 0), false},
		{"a relay's frame", framing.CapPaths, 0, framing.TypePing, []byte{0, 0, 0, 1}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := knowing(t, tc.caps, framing.CapPaths)
				grow(t, r, 2)
				from, to := r.a, r.b
				if tc.back {
					from, to = to, from
				}
				if err := from.Stream(tc.stream).Send(true, tc.kind, tc.body); err != nil {
					t.Fatal(err)
				}
				_, _, err := to.Stream(tc.stream).Next()
				wantCode(t, tc.name, err, framing.CodeProtocol)
				r.close()
			})
		})
	}
}

// A flood of them leaves one list and one PUNCH, and counts as nothing said. Serials that go
// back say nothing.
func TestPathsFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := knowing(t, framing.CapPaths, framing.CapPaths)
		end := read(r.b, 0)
		back := read(r.a, 0)
		before := r.b.Received()
		var body []byte
		for serial := uint32(20_000); serial > 0; serial-- {
			m := framing.Paths{Serial: serial, List: somePaths(int(serial % 32))}
			var err error
			if body, err = m.Append(body[:0]); err != nil {
				t.Fatal(err)
			}
			p := framing.Punch{Serial: serial, After: uint16(serial)}
			if err := errors.Join(r.a.Stream(0).Send(true, framing.TypePaths, body), r.a.Stream(0).Send(true, framing.TypePunch, p.Append(nil))); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got, _ := r.b.Paths(); !slices.Equal(got, somePaths(20_000%32)) {
			t.Errorf("%d paths", len(got))
		}
		if d := <-r.b.Punches(); d != 20_000*time.Millisecond || len(r.b.Punches()) > 0 {
			t.Errorf("punch after %v", d)
		}
		if n := r.b.Received() - before; n != 0 {
			t.Errorf("%d bytes count as said", n)
		}
		r.close()
		<-end
		<-back
	})
}

// A dialler that looks at the instance first spends no guess on another listener, and finds
// the right one.
func TestCheckComesBeforeAnyGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Event
		wrong, wrongInner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-other"), Notify: func(e Event) { told = append(told, e) }})
		right, rightInner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
		halls := []*hall{wrongInner, wrongInner, rightInner}
		var checked [][8]byte
		cfg := Config{Role: Sender, Code: code(t, "7-right"), Failed: func(net.Addr, error, bool) {}}
		cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) {
			h := halls[0]
			halls = halls[1:]
			return h.dial(ctx)
		}
		errStranger := errors.New("a stranger")
		cfg.Check = func(c net.Conn, instance [8]byte) error {
			checked = append(checked, instance)
			if instance != right.Instance() {
				return errStranger
			}
			return nil
		}
		a, err := Dial(t.Context(), "anywhere", cfg, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		b, err := right.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if want := [][8]byte{wrong.Instance(), wrong.Instance(), right.Instance()}; !slices.Equal(checked, want) {
			t.Errorf("checked %x, want %x", checked, want)
		}
		for _, e := range told {
			if e.Kind == EventRefused {
				t.Errorf("it cost a guess: %v", e.Err)
			}
		}
		abort(a, b)
		_, _ = wrong.Close(), right.Close()
	})
}

// Somebody who shows another key each time gets as many guesses as the code bears.
func TestManyInstancesGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials, start := 0, time.Now()
		var all []*Listener
		cfg := Config{Role: Sender, Code: code(t, "7-right"), Failed: func(net.Addr, error, bool) {}, Check: func(net.Conn, [8]byte) error { return nil }}
		cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) {
			dials++
			l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-other")})
			all = append(all, l)
			return inner.dial(ctx)
		}
		_, err := Dial(t.Context(), "anywhere", cfg, time.Hour)
		wantCode(t, "guessed", err, framing.CodeCodeRefused)
		if want := cfg.Code.allowance().Total; dials != want || !errors.Is(err, ErrBurnt) {
			t.Errorf("%d guesses, want %d: %v", dials, want, err)
		}
		if took := time.Since(start); took < time.Duration(dials-1)*answerPace {
			t.Errorf("%d guesses in %v", dials, took)
		}
		for _, l := range all {
			_ = l.Close()
		}
	})
}

// A side that listens and dials has one budget for both: what a code bears is used up by
// wrong answers to this side and by what it called, together, and neither goes on then.
func TestOneBudgetForBothHalves(t *testing.T) {
	for answers := range 3 {
		t.Run(fmt.Sprint(answers, " answers"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				secret := code(t, "7-right") // bears 3
				guesses := NewGuesses(secret)
				own, inner := memoryServer(t, Config{Role: Receiver, Code: secret, Guesses: guesses})
				for i := range answers {
					conn, err := dialAs(inner, fmt.Sprint(i))(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					wantCode(t, "an answer", guessOnce(conn), framing.CodeCodeRefused)
				}
				dials := 0
				cfg := Config{Role: Receiver, Code: secret, Guesses: guesses, Failed: func(net.Addr, error, bool) {}, Check: func(net.Conn, [8]byte) error { return nil }}
				cfg.Connect = func(ctx context.Context, _ Want) (net.Conn, error) {
					dials++
					l, inner := memoryServer(t, Config{Role: Sender, Code: code(t, "7-other")})
					t.Cleanup(func() { _ = l.Close() })
					return inner.dial(ctx)
				}
				_, err := Dial(t.Context(), "anywhere", cfg, time.Hour)
				if wantCode(t, "Dial", err, framing.CodeCodeRefused); dials != 3-answers || !errors.Is(err, ErrBurnt) {
					t.Errorf("%d calls after %d answers: %v", dials, answers, err)
				}
				_, err = own.Accept(t.Context())
				if wantCode(t, "Accept", err, framing.CodeCodeRefused); !errors.Is(err, ErrBurnt) {
					t.Errorf("Accept: %v", err)
				}
			})
		})
	}
}

// A source that the caller names is what a wrong code is counted to.
func TestTheCallerNamesTheSource(t *testing.T) {
	var asked []net.Conn
	l := newHall()
	ln, err := Serve(l, Config{Role: Receiver, Code: code(t, "7-right"), SourceOf: func(c net.Conn) string {
		asked = append(asked, c)
		return "relay 7"
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	_ = ln.Close() // waits for the accept loop
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
}
