package reach

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/framing"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
)

// The tests use real listeners on addresses of 127/8, which Linux has without set-up.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, deliverytest.CertCleanups()...) }

// place is a listener that counts its callers and does with each what it is told.
func place(t *testing.T, host string, then func(net.Conn)) (addr string, calls func() int) {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no other addresses of loopback here: %v", err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			if then == nil {
				_ = conn.Close()
				continue
			}
			wg.Go(func() { then(conn); _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// shut is an address where nothing listens.
func shut(t *testing.T, host string) string {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no other addresses of loopback here: %v", err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func raceTo(t *testing.T, patience time.Duration, addrs ...string) *race {
	t.Helper()
	var list []Address
	for _, a := range addrs {
		one, err := ParseList(a)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, one...)
	}
	return newRace(list, patience)
}

func connectTo(t *testing.T, r *race) string {
	t.Helper()
	conn, err := r.connect(t.Context(), link.Want{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.RemoteAddr().String()
}

func TestTheFirstOfEqualsWins(t *testing.T) {
	a, _ := place(t, "127.0.0.2", nil)
	b, _ := place(t, "127.0.0.3", nil)
	if got := connectTo(t, raceTo(t, 0, a, b)); got != a {
		t.Errorf("%s came before %s", got, a)
	}
	if got := connectTo(t, raceTo(t, 0, shut(t, "127.0.0.2"), b, a)); got != b {
		t.Errorf("%s came before %s", got, b)
	}
}

func TestNamesResolve(t *testing.T) {
	_, port, _ := net.SplitHostPort(shut(t, "127.0.0.1"))
	ln, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if got := connectTo(t, raceTo(t, 0, shut(t, "127.0.0.2"), "localhost:"+port)); got != ln.Addr().String() {
		t.Errorf("connected to %s", got)
	}
}

// What failed before its proof comes last, and what refused the code not at all.
// While a name is looked up, no machine has failed to answer.
func TestANameThatIsNotKnownYet(t *testing.T) {
	list, err := ParseList("nas.invalid")
	if err != nil {
		t.Fatal(err)
	}
	r := newRace(list, 0)
	if got := r.tried()[0]; got.Cause != NoName || got.Err != nil {
		t.Errorf("%d, %v before it is looked up", got.Cause, got.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.connect(ctx, link.Want{}); CauseOf(err) != NoName || r.tried()[0].Cause != NoName {
		t.Errorf("%v after a lookup that has not ended", err)
	}
}

func TestAStrangerComesLast(t *testing.T) {
	stranger, _ := place(t, "127.0.0.2", nil)
	right, _ := place(t, "127.0.0.3", nil)
	r := raceTo(t, 0, stranger, right)
	at := func(addr string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if got := connectTo(t, r); got != stranger {
		t.Fatalf("connected to %s first", got)
	}
	r.ended(at(stranger), &link.AnsweredError{Addr: at(stranger), Err: link.ErrNotFerry}, false)
	for range 2 {
		if got := connectTo(t, r); got != right {
			t.Errorf("connected to %s again", got)
		}
	}
	// The right one, if it is lost and fails, is followed by the other.
	r.ended(at(right), &link.AnsweredError{Addr: at(right), Err: context.DeadlineExceeded}, false)
	r.ended(at(right), &link.AnsweredError{Addr: at(right), Err: context.DeadlineExceeded}, false)
	if got := connectTo(t, r); got != stranger {
		t.Errorf("connected to %s, which failed more often", got)
	}
	refused := &link.Error{Code: framing.CodeCodeRefused, Remote: true}
	r.ended(at(stranger), refused, true)
	if got := connectTo(t, r); got != right {
		t.Errorf("connected to %s, which refused the code", got)
	}
	r.ended(at(right), refused, true)
	if _, err := r.connect(t.Context(), link.Want{}); !errors.Is(err, link.ErrNoWay) {
		t.Errorf("all have refused: %v", err)
	}
	for _, try := range r.tried() {
		if try.Cause != CodeRefused {
			t.Errorf("%v: %v, %v", try.Address, try.Cause, try.Err)
		}
	}
}

// After a refused code the others have as long as the patience.
func TestPatience(t *testing.T) {
	stranger, _ := place(t, "127.0.0.2", nil)
	r := raceTo(t, time.Millisecond, stranger, shut(t, "127.0.0.3"))
	if got := connectTo(t, r); got != stranger {
		t.Fatalf("connected to %s first", got)
	}
	at, _ := net.ResolveTCPAddr("tcp", stranger)
	r.ended(at, &link.Error{Code: framing.CodeCodeRefused, Remote: true}, true)
	for {
		_, err := r.connect(t.Context(), link.Want{})
		if errors.Is(err, link.ErrNoWay) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// An address that hangs keeps nobody from one that comes later than the race began.
func TestOneThatHangsAndOneThatComesLater(t *testing.T) {
	late := shut(t, "127.0.0.3")
	r := raceTo(t, 0, hanging(t), late)
	type made struct {
		conn net.Conn
		err  error
	}
	done := make(chan made, 1)
	go func() {
		conn, err := r.connect(t.Context(), link.Want{})
		done <- made{conn, err}
	}()
	for r.tried()[1].Cause != Refused {
		if t.Context().Err() != nil {
			t.FailNow()
		}
		time.Sleep(time.Millisecond) // polls what another goroutine finds
	}
	ln, err := net.Listen("tcp", late)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	m := <-done
	if m.err != nil {
		t.Fatal(m.err)
	}
	_ = m.conn.Close()
}

// hanging is an address that takes no more connections and refuses none: its listener
// has a backlog that is full.
func hanging(t *testing.T) string {
	t.Helper()
	addr := fullListener(t)
	conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
	if err == nil {
		_ = conn.Close()
		t.Skip("a full backlog refuses nothing here")
	}
	return addr
}

// Of what an address has shown, the most informative stays.
func TestCausesStay(t *testing.T) {
	addr := shut(t, "127.0.0.2")
	r := raceTo(t, 0, addr)
	_, err := r.connect(t.Context(), link.Want{})
	if CauseOf(err) != Refused || r.tried()[0].Cause != Refused {
		t.Fatalf("%v is %d", err, CauseOf(err))
	}
	var inside *Error
	if !errors.As(err, &inside) || len(inside.Tries) != 1 {
		t.Errorf("%v has no causes", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.connect(ctx, link.Want{}); err == nil {
		t.Error("connected without a context")
	}
	if got := r.tried()[0]; got.Cause != Refused {
		t.Errorf("a late %v took the place of the cause", got.Err)
	}
}

func TestCauseOf(t *testing.T) {
	answered := func(err error) error { return &link.AnsweredError{Err: err} }
	for want, errs := range map[Cause][]error{
		NoAnswer:     {nil, context.DeadlineExceeded, &net.OpError{Op: "dial", Err: timeout{}}},
		NoName:       {&net.DNSError{Err: "no such host"}, &net.DNSError{IsTimeout: true}},
		Silent:       {answered(context.DeadlineExceeded), answered(&net.OpError{Op: "read", Err: timeout{}})},
		NotFerry:     {answered(link.ErrNotFerry)},
		SameRole:     {answered(&link.Error{Code: framing.CodeProtocol, Err: link.ErrSameRole})},
		Busy:         {answered(&link.Error{Code: framing.CodeBusy, Remote: true})},
		OtherVersion: {answered(&link.Error{Code: framing.CodeVersion, Remote: true})},
		CodeRefused:  {&link.Error{Code: framing.CodeCodeRefused, Remote: true}},
		OtherCause:   {errors.New("odd"), answered(errors.New("odd"))},
	} {
		for _, err := range errs {
			if got := CauseOf(err); got != want {
				t.Errorf("%v is %d, want %d", err, got, want)
			}
			if want == NoAnswer || err == nil {
				continue
			}
			all := &Error{Tries: []Try{{Err: context.DeadlineExceeded}, {Cause: want, Err: err}}}
			if got := CauseOf(all); got != want {
				t.Errorf("beside a timeout %v is %d, want %d", err, got, want)
			}
		}
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }
