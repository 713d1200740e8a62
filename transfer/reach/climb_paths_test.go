package reach

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"ferry/framing"
)

// What the other side names is dialled, but for what is nobody's own address.
func TestDialable(t *testing.T) {
	list := []framing.Path{
		{Kind: framing.PathV4, Host: "192.0.2.7", Port: 1},
		{Kind: framing.PathV4, Host: "192.0.2.7", Port: 1},
		{Kind: framing.PathV6, Host: "2001:db8::7", Port: 1},
		{Kind: framing.PathSeen, Host: "203.0.113.9", Port: 2},
		{Kind: framing.PathV4, Host: "169.254.1.1", Port: 3},
		// What follows is refused.
		{Kind: framing.PathV4, Host: "127.0.0.1", Port: 1},
		{Kind: framing.PathV6, Host: "::1", Port: 1},
		{Kind: framing.PathSeen, Host: "127.0.0.1", Port: 1},
		{Kind: framing.PathV4, Host: "0.0.0.0", Port: 1},
		{Kind: framing.PathV4, Host: "224.0.0.251", Port: 1},
		{Kind: framing.PathV4, Host: "255.255.255.255", Port: 1},
		{Kind: framing.PathV4, Host: "169.254.169.254", Port: 80},
		{Kind: framing.PathV4, Host: "169.254.170.2", Port: 80},
		{Kind: framing.PathSeen, Host: "168.63.129.16", Port: 80},
		{Kind: framing.PathV6, Host: "fd00:ec2::254", Port: 80},
		{Kind: framing.PathV6, Host: "64:ff9b::a9fe:a9fe", Port: 80},
		{Kind: framing.PathV6, Host: "64:ff9b::7f00:1", Port: 80},
		{Kind: framing.PathV6, Host: "ff02::1", Port: 1},
		{Kind: framing.PathV6, Host: "::ffff:127.0.0.1", Port: 1},
		{Kind: framing.PathV6, Host: "::ffff:169.254.169.254", Port: 1},
		{Kind: framing.PathLocal, Host: "fe80::1", Port: 1},
		{Kind: framing.PathName, Host: "nas.example", Port: 1},
		{Kind: framing.PathName, Host: "192.0.2.99", Port: 1},
		{Kind: framing.PathV4, Host: "192.0.2.1", Port: 33779}, // this side's own
	}
	own := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:33779")}
	got := dialable(list, []netip.Addr{netip.MustParseAddr("127.0.0.5")}, own)
	var want []netip.AddrPort
	for _, a := range []string{
		"127.0.0.5:1", "127.0.0.5:3", "127.0.0.5:80", "127.0.0.5:33779", // the host that this side knows by itself
		"192.0.2.7:1", "[2001:db8::7]:1", "203.0.113.9:2", "169.254.1.1:3",
	} {
		want = append(want, netip.MustParseAddrPort(a))
	}
	if !slices.Equal(got, want) {
		t.Errorf("dialled are %v, want %v", got, want)
	}
}

func TestDialableIsBounded(t *testing.T) {
	var list []framing.Path
	for i := range 100 {
		list = append(list, framing.Path{Kind: framing.PathV4, Host: "192.0.2." + strconv.Itoa(i), Port: uint16(i + 1)})
	}
	hosts := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}
	if n := len(dialable(list, hosts, nil)); n != framing.MaxPaths {
		t.Errorf("%d addresses are dialled", n)
	}
}
