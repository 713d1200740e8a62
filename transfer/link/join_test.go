package link

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"

	"ferry/framing"
)

// proven makes a link on memory connections and keeps its listener.
func proven(t *testing.T) (dialled, accepted *Link, l *Listener, inner *hall) {
	t.Helper()
	l, inner = memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), Notify: func(e Event) {
		if e.Kind == EventRefused {
			t.Error("a join counts as a guess of the code")
		}
	}})
	dialled, err := dialMemory(t, inner, Config{Role: Sender, Code: code(t, "7-right")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted, l, inner
}

func TestJoinNeedsTheSession(t *testing.T) {
	for name, tc := range map[string]struct {
		hello  func(*framing.Hello)
		secret func([]byte)
		want   framing.Code
	}{
		"the right one":    {func(*framing.Hello) {}, func([]byte) {}, framing.CodeNone},
		"a wrong secret":   {func(*framing.Hello) {}, func(s []byte) { s[0] ^= 1 }, framing.CodeCodeRefused},
		"another session":  {func(h *framing.Hello) { h.Session[15] ^= 1 }, func([]byte) {}, framing.CodeDeclined},
		"another epoch":    {func(h *framing.Hello) { h.Epoch++ }, func([]byte) {}, framing.CodeDeclined},
		"a rejoin":         {func(h *framing.Hello) { h.Purpose, h.Stream, h.Epoch = framing.PurposeRejoin, 0, 1 }, func([]byte) {}, framing.CodeDeclined},
		"a key":            {func(h *framing.Hello) { *h = newHelloFor(Sender); h.Method = framing.MethodKey }, func([]byte) {}, framing.CodeDeclined},
		"the other role":   {func(h *framing.Hello) { h.Role = Receiver }, func([]byte) {}, framing.CodeProtocol},
		"a stream too far": {func(h *framing.Hello) { h.Stream = MaxStreams }, func([]byte) {}, framing.CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, l, inner := proven(t)
				secret := append([]byte(nil), a.session.secret...)
				tc.secret(secret)
				c := stranger(t, inner.dial)
				p, err := newSessionProver(rand.Reader, secret, c.exporter)
				if err != nil {
					t.Fatal(err)
				}
				hello := newHelloFor(Sender)
				hello.Purpose, hello.Method = framing.PurposeStream, framing.MethodSession
				hello.Session, hello.Stream = a.session.id, 1
				tc.hello(&hello)
				_, _, err = dialHandshake(c, hello, p)
				synctest.Wait()
				want := 1
				if tc.want == framing.CodeNone {
					want = 2
					if err != nil {
						t.Error(err)
					}
				} else {
					wantCode(t, "join", err, tc.want)
				}
				if n := b.NumStreams(); n != want {
					t.Errorf("the link has %d streams, want %d", n, want)
				}
				_ = c.raw.Close()
				a.Abort(nil)
				b.Abort(nil)
				_, _ = a.Close(), b.Close()
				_ = l.Close()
			})
		})
	}
}

// A join that is recorded and played again, or that takes a number twice, gets
// nothing.
func TestJoinOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, l, _ := proven(t)
		if err := a.Grow(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		if err := b.Grow(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		conn, err := a.redial.connect(t.Context(), Want{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := proveOn(t.Context(), a.redial, conn, a.session.hello(framing.PurposeStream, 0, 2))
		if err == nil {
			// The number is looked at after the proof; then the connection ends.
			_, _, err = c.r.Next()
		}
		if err == nil || b.NumStreams() != 3 {
			t.Errorf("stream 2 twice: %v, %d streams", err, b.NumStreams())
		}
		_ = conn.Close()
		closeBoth(t, a, b)
		_ = l.Close()
	})
}

func TestGrowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, l, _ := proven(t)
		if err := a.Grow(t.Context(), MaxStreams+1); !errors.Is(err, errTooMany) {
			t.Errorf("beyond the limit: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 2)
		go func() { waiting <- b.Grow(ctx, 2) }()
		synctest.Wait()
		cancel()
		wantCode(t, "a cancelled wait", <-waiting, framing.CodeInterrupted)
		go func() { waiting <- b.Grow(t.Context(), 2) }()
		synctest.Wait()
		boom := errors.New("boom")
		b.Abort(boom)
		if err := <-waiting; !errors.Is(err, boom) {
			t.Errorf("waiting on an aborted link: %v", err)
		}
		a.Abort(boom)
		if err := a.Grow(t.Context(), 2); err == nil {
			t.Error("an aborted link grew")
		}
		_, _ = a.Close(), b.Close()
		_ = l.Close()
	})
}
