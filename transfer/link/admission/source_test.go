package admission

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"

	"ferry/framing"
	"ferry/transfer/link/memory"
)

// namedConn is a connection that says where it comes from, as a relay's does.
// A whole IPv6 /48 fills no memory: of its 65536 networks the last maxSources are
// remembered.
func TestSourcesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(Allowance{})
		at := func(i int) Source {
			return Source{network: netip.MustParsePrefix(fmt.Sprintf("2001:db8:1:%x::/64", i))}
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
		got := sourceOf(addressed{remote: tc.remote, local: tc.local}, "")
		if got.network.String() != tc.want || got.named != "" {
			t.Errorf("%s at %s counts as %v, want %s", tc.remote, tc.local, got, tc.want)
		}
	}
	a, _ := memory.Pair()
	if got := sourceOf(a, ""); got != (Source{}) {
		t.Errorf("one in memory counts as %v", got)
	}
	if got := sourceOf(a, "relay 3"); got != (Source{named: "relay 3"}) {
		t.Errorf("one that names itself counts as %v", got)
	}
}
