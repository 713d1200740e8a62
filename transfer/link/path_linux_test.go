package link

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// overTCP makes both ends of a link over the loopback interface.
func overTCP(t *testing.T) (a, b *Link, l *Listener) {
	t.Helper()
	l = listenOn(t, "127.0.0.1:0", Config{Role: Receiver, Code: code(t, "7-right")})
	var err error
	if a, err = Dial(t.Context(), l.Addr().String(), Config{Role: Sender, Code: code(t, "7-right")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, b, l
}

func control(t *testing.T, s *stream) (name string) {
	t.Helper()
	onSocket(s.in.current().raw.Conn, func(fd int) {
		var err error
		if name, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil {
			t.Error(err)
		}
	})
	return name
}

// What the system tells of a connection is passed on, and losses are resisted on
// the connections that there are and on those to come, if that is allowed.
func TestPath(t *testing.T) {
	a, b, l := overTCP(t)
	if p := a.Path(0); !p.Known || p.MinRTT <= 0 || p.MinRTT > time.Second || p.RTT < p.MinRTT || p.Arrived == 0 {
		t.Errorf("%+v", p)
	}
	before := control(t, a.conns.stream(0))
	ok := a.ResistLoss()
	if err := a.Grow(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	want := before
	if ok {
		want = lossControl
	}
	for i := range 2 {
		if got := control(t, a.conns.stream(i)); got != want && i == 0 || ok && got != want {
			t.Errorf("stream %d uses %s, want %s (resisting: %v)", i, got, want, ok)
		}
	}
	if ok != mayResistLoss() {
		t.Errorf("resisting: %v, allowed: %v", ok, mayResistLoss())
	}
	closeBoth(t, a, b)
	_ = l.Close()
}

// Connections in memory have no system to ask: then the handshake has to do.
func TestPathInMemory(t *testing.T) {
	a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Link{a, b} {
		if p := l.Path(0); p.Known || p.MinRTT <= 0 {
			t.Errorf("%+v", p)
		}
	}
	closeBoth(t, a, b)
}

// A deep buffer is larger than the one before, on the connections that there are
// and on those to come, and none gets smaller where it cannot be had.
func TestDeepen(t *testing.T) {
	a, b, l := overTCP(t)
	size := func(i int) (n int) {
		onSocket(a.conns.stream(i).in.current().raw.Conn, func(fd int) {
			var err error
			if n, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil {
				t.Error(err)
			}
		})
		return n
	}
	before := size(0)
	ok := a.Deepen()
	if after := size(0); after < before || ok != (after > before) {
		t.Errorf("from %d to %d bytes, said to be deeper: %v", before, after, ok)
	}
	if a.Deepen() {
		t.Error("deepened twice")
	}
	if err := a.Grow(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if ok && size(1) != size(0) {
		t.Errorf("the next stream has %d bytes, the first %d", size(1), size(0))
	}
	closeBoth(t, a, b)
	_ = l.Close()
}

// Only the control that spreads what it sends over time is replaced within a machine.
func TestUnpace(t *testing.T) {
	a, b, l := overTCP(t)
	conn := a.conns.stream(0).in.current().raw.Conn
	if !within(conn) {
		t.Errorf("%v to %v leaves the machine", conn.LocalAddr(), conn.RemoteAddr())
	}
	for own, want := range map[string]string{lossControl: promptControl, "cubic": "cubic"} {
		var err error
		onSocket(conn, func(fd int) {
			err = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, own)
		})
		if err != nil {
			t.Logf("%s: %v", own, err)
			continue
		}
		unpace(conn)
		if got := control(t, a.conns.stream(0)); got != want {
			t.Errorf("%s became %s, want %s", own, got, want)
		}
	}
	closeBoth(t, a, b)
	_ = l.Close()
}

// A limit is in force on the socket until it is taken away, and what lossControl tells is
// read where it is in control.
func TestLimitPace(t *testing.T) {
	a, b, l := overTCP(t)
	conn := a.conns.stream(0).in.current().raw.Conn
	for _, c := range []struct {
		limit uint64
		want  int
	}{{1 << 20, 1 << 20}, {0, -1}, {1 << 40, -1}} {
		limitPace(conn, c.limit)
		onSocket(conn, func(fd int) {
			got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE)
			if got != c.want || err != nil {
				t.Errorf("a limit of %d is %d: %v", c.limit, got, err)
			}
		})
	}
	if _, ok := readPacing(conn); ok {
		t.Errorf("told of pacing under %s", control(t, a.conns.stream(0)))
	}
	if a.ResistLoss() {
		if p, ok := readPacing(conn); !ok { // gain is 0 until something is acknowledged
			t.Errorf("%+v, %v", p, ok)
		}
		a.Rein(0)
	}
	closeBoth(t, a, b)
	_ = l.Close()
}
