package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ferry/framing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, certCleanups()...) }

// certCleanups are what crypto/tls has the runtime do for certificates that nobody
// uses any more, whenever it likes (runtime.runCleanups).
func certCleanups() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func1"),
		goleak.IgnoreAnyFunction("crypto/tls.(*weakCertCache).newCert.func2"),
		goleak.IgnoreAnyFunction("runtime.runCleanups"), // the runtime's own, between two of them
	}
}

func code(t testing.TB, s string) Code {
	t.Helper()
	c, err := ParseCode(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pair makes a link over loopback TCP; the sender dials.
func pair(t testing.TB) (sender, receiver *Link) {
	t.Helper()
	l := listen(t, Config{Role: Receiver, Code: code(t, "7-some-code")})
	sender, err := Dial(t.Context(), l.Addr().String(), Config{Role: Sender, Code: code(t, "7-some-code")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	receiver, err = l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sender.Abort(nil)
		receiver.Abort(nil)
		_, _ = sender.Close(), receiver.Close()
	})
	return sender, receiver
}

// listenOn listens on a TCP address.
func listenOn(t testing.TB, addr string, cfg Config) *Listener {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Serve(inner, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func listen(t testing.TB, cfg Config) *Listener {
	t.Helper()
	l := listenOn(t, "127.0.0.1:0", cfg)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func bye(text string) []byte {
	m := framing.Bye{Code: framing.CodeNone, Message: text}
	return m.Append(nil)
}

func sendBye(t testing.TB, s framing.Stream, text string) {
	t.Helper()
	if err := s.Send(true, framing.TypeBye, bye(text)); err != nil {
		t.Fatal(err)
	}
}

func wantBye(t testing.TB, s framing.Stream, text string) {
	t.Helper()
	typ, _, err := s.Next()
	if err != nil || typ != framing.TypeBye {
		t.Fatalf("Next = %v, %v; want a BYE", typ, err)
	}
	b, err := s.Body()
	if err != nil {
		t.Fatal(err)
	}
	m, err := framing.ParseBye(b)
	if err != nil || m.Message != text {
		t.Fatalf("BYE %q, %v; want %q", m.Message, err, text)
	}
}

// pairs are the ways of making both ends of a link in this process.
var pairs = map[string]func(a, b Config) (*Link, *Link, error){"memory": Pipe, "within": Within}

// Whatever carries the link, it behaves the same.
func TestExchange(t *testing.T) {
	opens := map[string]func(*testing.T) (*Link, *Link){"tcp": func(t *testing.T) (*Link, *Link) { return pair(t) }}
	for name, pair := range pairs {
		opens[name] = func(t *testing.T) (*Link, *Link) {
			a, b, err := pair(Config{Role: Sender, Capabilities: framing.CapWide}, Config{Role: Receiver, Capabilities: framing.CapWide | framing.CapZstd})
			if err != nil {
				t.Fatal(err)
			}
			if _, caps, version := a.Peer(); caps != framing.CapWide || version != framing.Version {
				t.Errorf("both sides have %#x, in version %d", caps, version)
			}
			return a, b
		}
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			streams := 4
			if name == "within" {
				streams = 1
			} else if a.session.id != b.session.id || a.session.id == [16]byte{} {
				t.Errorf("sessions %x and %x", a.session.id, b.session.id)
			}
			grown := make(chan error, 1)
			go func() { grown <- b.Grow(t.Context(), streams) }()
			if err := a.Grow(t.Context(), streams); err != nil {
				t.Fatal(err)
			}
			if err := <-grown; err != nil {
				t.Fatal(err)
			}
			for i := range streams {
				sendBye(t, a.Stream(i), fmt.Sprint("to b ", i))
				sendBye(t, b.Stream(i), fmt.Sprint("to a ", i))
			}
			for i := range streams {
				wantBye(t, b.Stream(i), fmt.Sprint("to b ", i))
				wantBye(t, a.Stream(i), fmt.Sprint("to a ", i))
			}
			closed := make(chan error, 1)
			go func() { closed <- a.Close() }()
			if _, _, err := b.Stream(0).Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after Close the peer gets %v, want EOF", err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if err := <-closed; err != nil {
				t.Error(err)
			}
			var le *Error
			if err := a.Stream(0).Send(true, framing.TypeBye, bye("late")); !errors.As(err, &le) {
				t.Errorf("Send after Close = %v", err)
			}
		})
	}
}

// A weak code is burnt by three wrong answers, also of one address that waits out
// its penalties.
func TestWrongCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []Event
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), Notify: func(e Event) { events = append(events, e) }})
		for i := range 3 {
			_, err := dialMemory(t, inner, Config{Role: Sender, Code: code(t, "7-wrong")}, time.Minute)
			if le := wantCode(t, fmt.Sprint("guess ", i), err, framing.CodeCodeRefused); !le.Remote {
				t.Fatalf("guess %d: %v", i, err)
			}
			synctest.Wait()
			e := events[len(events)-1]
			if e.Kind != EventRefused || e.Attempts != i+1 || e.Limit != 3 || e.Addr == "" {
				t.Errorf("guess %d: event %+v", i, e)
			}
		}
		_, err := l.Accept(t.Context())
		if le := wantCode(t, "Accept", err, framing.CodeCodeRefused); !strings.Contains(le.Error(), "3 wrong answers from one address") {
			t.Errorf("Accept: %v", le)
		}
		// The right code comes too late, and is no news worth a fourth guess.
		_, err = dialMemory(t, inner, Config{Role: Sender, Code: code(t, "7-right")}, time.Minute)
		wantCode(t, "after the third guess", err, framing.CodeCodeRefused)
		synctest.Wait()
		if e := events[len(events)-1]; e.Kind != EventBroken || !errors.Is(e.Err, ErrBurnt) {
			t.Errorf("after the third guess: event %+v", e)
		}
		_ = l.Close()
	})
}

// epochOf counts the links that the session of l has had before this one.
func epochOf(l *Link) uint32 {
	epoch, _ := l.conns.place()
	return epoch
}
