package socket

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/transfer/reach/socket/sockettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, addr string) (*net.TCPListener, uint16) {
	t.Helper()
	ln, err := Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln, uint16(ln.Addr().(*net.TCPAddr).Port)
}

// deserted is an address where nobody listens.
func deserted(t *testing.T) netip.AddrPort {
	t.Helper()
	addr, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(addr)
}

func at(t *testing.T, ln net.Listener) netip.AddrPort {
	t.Helper()
	return netip.MustParseAddrPort(ln.Addr().String())
}

// A second ferry on the port is told so, whatever addresses the two have, and also while
// the port is dialled from.
func TestListenIsExclusive(t *testing.T) {
	far, _ := listen(t, "127.0.0.1:0")
	ln, port := listen(t, "127.0.0.1:0")
	conn, err := DialFrom(t.Context(), port, at(t, far))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, host := range []string{"127.0.0.1", ""} {
		second, err := Listen(t.Context(), net.JoinHostPort(host, portOf(ln)))
		if err == nil {
			_ = second.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, winsockInUse) {
			t.Errorf("%q: %v", host, err)
		}
		var plain net.ListenConfig
		other, err := plain.Listen(t.Context(), "tcp", net.JoinHostPort(host, portOf(ln)))
		if err == nil {
			_ = other.Close()
			t.Errorf("%q: another program listens on the port too", host)
		}
	}
}

// Of Winsock: WSAEADDRINUSE, WSAECONNREFUSED and WSAEOPNOTSUPP.
const (
	winsockInUse   = syscall.Errno(10048)
	winsockRefused = syscall.Errno(10061)
	winsockUnknown = syscall.Errno(10045)
)

func portOf(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// The port that listens is the one that dials, over both families, and goes on to accept.
func TestDialFrom(t *testing.T) {
	if !sharesPort {
		t.Skip("a port that listens cannot be dialled from here")
	}
	ln, port := listen(t, ":0")
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		far, err := Listen(t.Context(), host)
		if err != nil {
			t.Logf("%s cannot be listened on here: %v", host, err)
			continue
		}
		defer far.Close()
		conn, err := DialFrom(t.Context(), port, at(t, far))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, ok := conn.(*net.TCPConn); !ok {
			t.Errorf("it is a %T", conn)
		}
		if own := netip.MustParseAddrPort(conn.LocalAddr().String()).Port(); own != port {
			t.Errorf("dialled from %d, not from %d", own, port)
		}
	}
	call, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", portOf(ln)))
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	taken, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = taken.Close()
}

// Where the port cannot be dialled from, any port does: this one's listener does not share it.
func TestDialFromAPortThatIsNotShared(t *testing.T) {
	far, _ := listen(t, "127.0.0.1:0")
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := DialFrom(t.Context(), at(t, other).Port(), at(t, far))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.LocalAddr().String() == other.Addr().String() {
		t.Error("it comes from the port of another listener")
	}
}

// A port that dials itself would be connected to itself.
func TestDialFromItself(t *testing.T) {
	to := deserted(t)
	if conn, err := DialFrom(t.Context(), to.Port(), to); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, winsockRefused) {
		t.Errorf("%v, %v", conn, err)
	}
}

// Who refuses is asked again.
func TestOpenAfterRefusals(t *testing.T) {
	_, port := listen(t, "127.0.0.1:0")
	to := deserted(t)
	opened := make(chan error, 1)
	go func() {
		conn, err := Open(t.Context(), port, to)
		if err == nil {
			_ = conn.Close()
		}
		opened <- err
	}()
	<-time.After(2 * openEvery)
	back, err := Listen(t.Context(), to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestOpenEnds(t *testing.T) {
	_, port := listen(t, "127.0.0.1:0")
	to := deserted(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*openEvery)
	defer cancel()
	if conn, err := Open(ctx, port, to); err == nil {
		_ = conn.Close()
		t.Error("connected to nobody")
	} else if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, winsockRefused) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it does not say why: %v", err)
	}
}

// What is sent to all on a port reaches each that shares it.
func TestShared(t *testing.T) {
	first, err := Shared(t.Context(), "udp4", "0.0.0.0:0")
	if errors.Is(err, winsockUnknown) {
		t.Skipf("Wine: a control that Go asks of each UDP socket is unknown: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, port, _ := net.SplitHostPort(first.LocalAddr().String())
	second, err := Shared(t.Context(), "udp4", "0.0.0.0:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
}
