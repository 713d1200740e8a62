package link

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"ferry/framing"
)

// A name that cannot be resolved any more is reached where it was; one that never
// was, and any other failure, stay what they are.
func TestNameThatIsResolvedNoMore(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	gone := &net.DNSError{Err: "no such host", Name: "there"}
	var failing error
	var dialled []string
	connect := byName(func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = append(dialled, addr)
		if addr == ln.Addr().String() || addr == "there:1" && failing == nil {
			return net.Dial("tcp", ln.Addr().String())
		}
		return nil, failing
	})
	try := func(addr string, failure error, ok bool) {
		t.Helper()
		failing = failure
		c, err := connect(context.Background(), Want{Addr: addr})
		if (err == nil) != ok || !ok && !errors.Is(err, failure) {
			t.Errorf("%s, when %v: %v", addr, failure, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	try("there:1", gone, false)
	try("there:1", nil, true)
	try("there:1", gone, true)
	try("elsewhere:1", gone, false)
	try("there:1", net.ErrClosed, false)
	if want := []string{"there:1", "there:1", "there:1", ln.Addr().String(), "elsewhere:1", "there:1"}; !slices.Equal(dialled, want) {
		t.Errorf("dialled %v, want %v", dialled, want)
	}
}

// A step is named once, however many errors are in one another.
func TestOneStep(t *testing.T) {
	last := wrap("dial", &AnsweredError{nil, &Error{Code: framing.CodeProtocol, Op: "handshake", Err: ErrSameRole}})
	for _, err := range []error{last, (&dialler{}).cancelled(t.Context(), last), (&dialler{}).notThere(last)} {
		if text := err.Error(); strings.Count(text, "dial: ") != 1 || strings.Contains(text, "handshake: ") {
			t.Errorf("%q", text)
		}
	}
}
