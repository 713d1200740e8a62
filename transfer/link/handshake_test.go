package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/machine"
	"ferry/transfer/link/admission"
	"ferry/transfer/link/cpace"
	"ferry/transfer/link/record"
)

// memoryServer is a Listener for receivers on memory connections.
func memoryServer(t *testing.T, cfg Config) (*Listener, *hall) {
	t.Helper()
	inner := newHall()
	cfg.SourceOf = sourceOf
	l, err := newListener(inner, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, inner
}

// stranger opens a connection with TLS to whatever dial reaches, for a test to
// speak on as it likes.
func stranger(t *testing.T, dial func(context.Context) (net.Conn, error)) *ladder {
	t.Helper()
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	conf, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	c, err := openLadder(record.NewConn(conn), conf, dialling)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newHelloFor(role Role) framing.Hello {
	h := newHello(role, 0)
	h.Purpose, h.Method = framing.PurposeNew, framing.MethodCode
	return h
}

func wantCode(t *testing.T, what string, err error, want framing.Code) *Error {
	t.Helper()
	var le *Error
	if !errors.As(err, &le) || le.Code != want {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
	return le
}

// flipper inverts one bit of byte at of what passes through.
type flipper struct{ at, seen int }

func (f *flipper) pass(p []byte) []byte {
	q := bytes.Clone(p)
	if i := f.at - f.seen; i >= 0 && i < len(q) {
		q[i] ^= 0x40
	}
	f.seen += len(p)
	return q
}

type flipWriter struct {
	flipper
	w io.Writer
}

func (f *flipWriter) Write(p []byte) (int, error) { return f.w.Write(f.pass(p)) }

type flipReader struct {
	flipper
	r io.Reader
}

func (f *flipReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	copy(p, f.pass(p[:n]))
	return n, err
}

// Each byte of HELLO and PROOF, frame headers included, matters in both
// directions: the dialler never believes such an exchange, and the listener
// believes only one whose last frame, its own, was hit.
func TestEveryByteIsProtected(t *testing.T) {
	probe := newHelloFor(Sender)
	probe.Share = make([]byte, cpace.ShareSize)
	probe.Machine = machine.This().OnConnection(probe.Share) // any will do, and none where the listener has none
	helloSize := len(probe.Append(nil)) + 5
	total := helloSize + macSize + 5

	for _, direction := range []string{"to listener", "to dialler"} {
		for at := range total {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				c := stranger(t, inner.dial)
				if direction == "to listener" {
					c.w = framing.NewWriter(&flipWriter{flipper{at: at}, c.tls})
				} else {
					c.r = framing.NewReader(&flipReader{flipper{at: at}, c.tls})
				}
				_ = c.raw.Conn.SetDeadline(time.Now().Add(admission.ProofLimit))
				p, err := newCodeProver(rand.Reader, code(t, "7-right"), Sender, c.exporter)
				if err != nil {
					t.Fatal(err)
				}
				hello := newHelloFor(Sender)
				hello.Machine = probe.Machine
				if _, _, err := dialHandshake(c, hello, p); err == nil {
					t.Errorf("%s, byte %d: the dialler noticed nothing", direction, at)
				}
				synctest.Wait()
				l.mu.Lock()
				believed := len(l.seats.taken) > 0
				l.mu.Unlock()
				if want := direction == "to dialler" && at >= helloSize; believed != want {
					t.Errorf("%s, byte %d: the listener believed: %v", direction, at, believed)
				}
				_ = c.raw.Close()
				_ = l.Close()
			})
		}
	}
}

// A recorded exchange is worth nothing on another connection.
func TestReplayIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Role: Receiver, Code: code(t, "7-right")}
		wrong := wrongAnswers(&cfg)
		l, inner := memoryServer(t, cfg)
		var tape bytes.Buffer
		c := stranger(t, inner.dial)
		c.w = framing.NewWriter(io.MultiWriter(&tape, c.tls))
		p, err := newCodeProver(rand.Reader, code(t, "7-right"), Sender, c.exporter)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := dialHandshake(c, newHelloFor(Sender), p); err != nil {
			t.Fatal(err)
		}
		first, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first.Abort(nil)
		_ = first.Close()

		again := stranger(t, inner.dial)
		if _, err := again.tls.Write(tape.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := again.raw.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := again.expect(framing.TypeHello); err != nil {
			t.Fatal(err)
		}
		_, err = again.expect(framing.TypeProof)
		wantCode(t, "replay", err, framing.CodeCodeRefused)
		_ = l.Close()
		if n := wrong.Load(); n != 1 {
			t.Errorf("%d wrong confirmations counted", n)
		}
	})
}

// scripted accepts one connection on a memory listener and runs script on it as
// the side that listens.
func scripted(t *testing.T, script func(*ladder)) *hall {
	t.Helper()
	inner := newHall()
	conf, err := newTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			c, err := openLadder(record.NewConn(conn), conf, listening)
			if err == nil {
				script(c)
			}
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = inner.Close(); wg.Wait() })
	return inner
}

// toMemory dials inner, whatever the address.
func toMemory(inner *hall) func(context.Context, Want) (net.Conn, error) {
	return func(ctx context.Context, _ Want) (net.Conn, error) { return inner.dial(ctx) }
}

func dialMemory(t *testing.T, inner *hall, cfg Config, wait time.Duration) (*Link, error) {
	t.Helper()
	d := newDialler(way{addr: "memory", connect: toMemory(inner)}, cfg)
	return d.run(t.Context(), wait)
}

// A side that only sends back what it gets proves nothing.
func TestReflection(t *testing.T) {
	reflect := func(change func(framing.Hello) framing.Hello) (confirmed bool, err error) {
		inner := scripted(t, func(c *ladder) {
			body, err := c.expect(framing.TypeHello)
			if err != nil {
				return
			}
			h, err := framing.ParseHello(body)
			if err != nil {
				return
			}
			h = change(h)
			_ = c.send(framing.TypeHello, h.Append(nil))
			if proof, err := c.expect(framing.TypeProof); err == nil {
				_ = c.send(framing.TypeProof, proof)
			}
		})
		c := stranger(t, inner.dial)
		p, err := newCodeProver(rand.Reader, code(t, "7-right"), Sender, c.exporter)
		if err != nil {
			t.Fatal(err)
		}
		_, confirmed, err = dialHandshake(c, newHelloFor(Sender), p)
		return confirmed, err
	}
	for _, tc := range []struct {
		name      string
		change    func(framing.Hello) framing.Hello
		want      error
		confirmed bool
	}{
		{"as it came", func(h framing.Hello) framing.Hello { return h }, ErrSameRole, false},
		{"in the other role", func(h framing.Hello) framing.Hello { h.Role = Receiver; return h }, errReflected, false},
		{"with a share of its own", func(h framing.Hello) framing.Hello {
			h.Role = Receiver
			h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
			return h
		}, errMAC, true},
		{"with a point of low order", func(h framing.Hello) framing.Hello {
			h.Role, h.Share = Receiver, make([]byte, cpace.ShareSize)
			return h
		}, cpace.ErrShare, false},
		{"with a share too short", func(h framing.Hello) framing.Hello {
			h.Role, h.Share = Receiver, []byte{9}
			return h
		}, cpace.ErrShare, false},
		{"for another purpose", func(h framing.Hello) framing.Hello {
			h.Role, h.Purpose, h.Method, h.Session[0], h.Stream = Receiver, framing.PurposeStream, framing.MethodSession, 1, 1
			return h
		}, errMismatch, false},
	} {
		confirmed, err := reflect(tc.change)
		if !errors.Is(err, tc.want) || confirmed != tc.confirmed {
			t.Errorf("HELLO sent back %s: %v (confirmed %v), want %v", tc.name, err, confirmed, tc.want)
		}
	}
}

// Three who take our confirmation and say nothing have had three guesses.
func TestDiallerCountsBrokenExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exchanges := 0
		inner := scripted(t, func(c *ladder) {
			if _, err := c.expect(framing.TypeHello); err != nil {
				return
			}
			h := newHelloFor(Receiver)
			h.Share = append([]byte{9}, make([]byte, cpace.ShareSize-1)...)
			_ = c.send(framing.TypeHello, h.Append(nil))
			if _, err := c.expect(framing.TypeProof); err == nil {
				exchanges++
			}
		})
		_, err := dialMemory(t, inner, Config{Role: Sender, Code: code(t, "7-right")}, time.Hour)
		le := wantCode(t, "dial", err, framing.CodeCodeRefused)
		if le.Remote || !errors.Is(err, errBroken) || exchanges != maxBroken {
			t.Errorf("%v after %d exchanges", err, exchanges)
		}
		_ = inner.Close()
	})
}

func TestVersionsAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := scripted(t, func(c *ladder) {
			if _, err := c.expect(framing.TypeHello); err != nil {
				return
			}
			h := newHelloFor(Receiver)
			h.MinVersion, h.MaxVersion = 7, 9
			_ = c.send(framing.TypeHello, h.Append(nil))
		})
		start := time.Now()
		_, err := dialMemory(t, inner, Config{Role: Sender, Code: code(t, "7-right")}, time.Minute)
		wantCode(t, "dial", err, framing.CodeVersion)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("ended after %v: the right one may come yet", took)
		}
		if s := err.Error(); !strings.Contains(s, "7 to 9") || !strings.Contains(s, "version 1") || !strings.Contains(s, "updated here") {
			t.Errorf("%q does not name both and the older", s)
		}
		_ = inner.Close()
	})
	// And the listener answers with its own range.
	synctest.Test(t, func(t *testing.T) {
		var told []Event
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), Notify: func(e Event) { told = append(told, e) }})
		c := stranger(t, inner.dial)
		h := newHelloFor(Sender)
		h.MinVersion, h.MaxVersion = 7, 9
		if err := c.send(framing.TypeHello, h.Append(nil)); err != nil {
			t.Fatal(err)
		}
		body, err := c.expect(framing.TypeHello)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := framing.ParseHello(body); err != nil || got.MaxVersion != framing.Version {
			t.Errorf("listener's HELLO: %+v, %v", got, err)
		}
		_, err = c.expect(framing.TypeProof)
		wantCode(t, "refusal", err, framing.CodeVersion)
		synctest.Wait()
		if len(told) != 1 || told[0].Kind != EventBroken || codeOf(told[0].Err) != framing.CodeVersion {
			t.Errorf("events %+v", told)
		}
		_ = l.Close()
	})
}

// Equal roles make no link and leave the listener waiting.
func TestSameRole(t *testing.T) {
	l := listen(t, Config{Role: Sender, Code: code(t, "7-right")})
	_, err := Dial(t.Context(), l.Addr().String(), Config{Role: Sender, Code: code(t, "7-right")}, 0)
	wantCode(t, "dial", err, framing.CodeLost)
	if !errors.Is(err, ErrSameRole) {
		t.Errorf("dial: %v", err)
	}
	a, err := Dial(t.Context(), l.Addr().String(), Config{Role: Receiver, Code: code(t, "7-right")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closeBoth(t, a, b)
}

func closeBoth(t *testing.T, a, b *Link) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- a.Close() }()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
