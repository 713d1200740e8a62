package reach

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// on is an interface with its addresses. A name that starts with "!" has no carrier.
func on(name string, addrs ...string) netface {
	bare, idle := strings.CutPrefix(name, "!")
	i := netface{Name: bare, Running: !idle, Loopback: bare == "lo", Tunnel: strings.HasPrefix(bare, "tun") || strings.HasPrefix(bare, "wg") || strings.HasPrefix(bare, "utun")}
	for _, a := range addrs {
		a, passing := strings.CutPrefix(a, "~")
		ip := netip.MustParseAddr(a)
		i.Addrs = append(i.Addrs, ip)
		if passing {
			i.Passing = append(i.Passing, ip)
		}
	}
	return i
}

func bridge(i netface) netface {
	i.Bridge = true
	return i
}

func TestRank(t *testing.T) {
	lo := on("lo", "127.0.0.1", "::1")
	docker := bridge(on("docker0", "172.17.0.1"))
	for name, tc := range map[string]struct {
		on    []netface
		def4  string
		def6  string
		want  string
		want4 string // the same if empty
	}{
		"laptop at home":           {[]netface{lo, on("wlan0", "192.168.1.23", "fe80::5")}, "192.168.1.23", "", "192.168.1.23", ""},
		"laptop with docker":       {[]netface{lo, docker, bridge(on("br-0123456789ab", "172.18.0.1")), on("wlp3s0", "192.168.1.23")}, "192.168.1.23", "", "192.168.1.23", ""},
		"idle docker":              {[]netface{lo, bridge(on("!docker0", "172.17.0.1")), on("eth0", "192.0.2.7")}, "192.0.2.7", "", "192.0.2.7", ""},
		"both families":            {[]netface{lo, on("eth0", "2001:db8::7", "192.0.2.7", "fe80::1")}, "192.0.2.7", "2001:db8::7", "192.0.2.7 2001:db8::7", "192.0.2.7"},
		"a temporary address":      {[]netface{lo, on("eth0", "192.168.1.9", "~2001:db8::aaaa", "2001:db8::7", "fd00::7")}, "192.168.1.9", "2001:db8::aaaa", "192.168.1.9 2001:db8::7", "192.168.1.9"},
		"a temporary one alone":    {[]netface{lo, on("eth0", "fd00::7", "~2001:db8::aaaa")}, "", "2001:db8::aaaa", "fd00::7", "127.0.0.1"},
		"VPN for all traffic":      {[]netface{lo, on("wlan0", "192.168.1.23"), on("tun0", "10.8.0.2")}, "10.8.0.2", "", "10.8.0.2 192.168.1.23", ""},
		"VPN beside":               {[]netface{lo, on("wg0", "10.8.0.2"), on("wlan0", "192.168.1.23")}, "192.168.1.23", "", "192.168.1.23 10.8.0.2", ""},
		"VPN that is down":         {[]netface{lo, on("!tun0", "10.8.0.2"), on("wlan0", "192.168.1.23")}, "192.168.1.23", "", "192.168.1.23", ""},
		"two LANs":                 {[]netface{lo, on("eth1", "198.51.100.1"), on("eth0", "192.0.2.1")}, "192.0.2.1", "", "192.0.2.1 198.51.100.1", ""},
		"two LANs, no way out":     {[]netface{lo, on("eth0", "192.0.2.1", "2001:db8:1::1"), on("eth1", "198.51.100.1", "2001:db8:2::1")}, "", "", "192.0.2.1 198.51.100.1 2001:db8:1::1 2001:db8:2::1", "192.0.2.1 198.51.100.1"},
		"IPv6 only":                {[]netface{lo, on("eth0", "fe80::1", "2001:db8::7")}, "", "2001:db8::7", "2001:db8::7", "127.0.0.1"},
		"private IPv6 only":        {[]netface{lo, on("eth0", "fe80::1", "fd00::7")}, "", "", "fd00::7", "127.0.0.1"},
		"link-local only":          {[]netface{lo, on("eth0", "fe80::1")}, "", "", "fe80::1", "127.0.0.1"},
		"link-local of both":       {[]netface{lo, on("eth0", "fe80::1", "169.254.3.4")}, "", "", "169.254.3.4", ""},
		"link-local and docker":    {[]netface{lo, on("eth0", "fe80::1"), docker}, "", "", "172.17.0.1", ""},
		"a server":                 {[]netface{lo, docker, on("ens3", "192.0.2.7", "2001:db8::7"), on("ens4", "10.0.0.5")}, "192.0.2.7", "2001:db8::7", "192.0.2.7 2001:db8::7 10.0.0.5", "192.0.2.7 10.0.0.5"},
		"a host of guests":         {[]netface{lo, on("eno1"), bridge(on("br0", "192.0.2.7")), bridge(on("virbr0", "192.168.122.1"))}, "192.0.2.7", "", "192.0.2.7", ""},
		"a bridge beside":          {[]netface{lo, bridge(on("br1", "10.0.0.1")), on("eth1", "10.1.0.1"), on("eth0", "192.0.2.7")}, "192.0.2.7", "", "192.0.2.7 10.1.0.1 10.0.0.1", ""},
		"an outer switch":          {[]netface{lo, on("vEthernet (External)", "192.168.1.5", "2001:db8::5"), on("vEthernet (Default Switch)", "172.20.0.1", "fd00::1")}, "192.168.1.5", "", "192.168.1.5 2001:db8::5", "192.168.1.5"},
		"a Mac":                    {[]netface{lo, on("en0", "192.168.1.8", "fe80::1"), on("awdl0", "fe80::2"), on("utun0", "fe80::3"), bridge(on("bridge100", "192.168.64.1"))}, "192.168.1.8", "", "192.168.1.8", ""},
		"in a container":           {[]netface{lo, on("eth0", "172.17.0.2")}, "172.17.0.2", "", "172.17.0.2", ""},
		"only containers":          {[]netface{lo, docker}, "", "", "172.17.0.1", ""},
		"no network":               {[]netface{lo, on("!eth0", "192.0.2.7")}, "", "", "127.0.0.1 ::1", "127.0.0.1"},
		"nothing":                  {nil, "", "", "-", "-"},
		"mapped addresses":         {[]netface{lo, on("eth0", "::ffff:192.0.2.7")}, "192.0.2.7", "", "192.0.2.7", ""},
		"aliases on one interface": {[]netface{lo, on("eth0", "192.0.2.8", "192.0.2.7", "192.0.2.9")}, "192.0.2.7", "", "192.0.2.7 192.0.2.8 192.0.2.9", ""},
	} {
		m := machine{Interfaces: tc.on}
		if tc.def4 != "" {
			m.Default4 = netip.MustParseAddr(tc.def4)
		}
		if tc.def6 != "" {
			m.Default6 = netip.MustParseAddr(tc.def6)
		}
		if tc.want4 == "" {
			tc.want4 = tc.want
		}
		if got := words(m.rank()); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if got := words(m.rank4()); got != tc.want4 {
			t.Errorf("%s, IPv4: %s, want %s", name, got, tc.want4)
		}
	}
}

func words(list []netip.Addr) string {
	if len(list) == 0 {
		return "-"
	}
	var texts []string
	for _, ip := range list {
		texts = append(texts, ip.String())
	}
	return strings.Join(texts, " ")
}

func TestScope(t *testing.T) {
	for text, want := range map[string]Scope{
		"127.0.0.1 ::1": OwnMachine, "192.168.1.2 fd00::1": OwnNetwork, "100.64.3.4": OwnNetwork, "fe80::1": OwnNetwork, "169.254.1.1": OwnNetwork,
		"10.0.0.1 2001:db8::7": Anywhere, "192.0.2.7 127.0.0.1": Anywhere, "100.128.0.1": Anywhere,
	} {
		var list []netip.Addr
		for _, s := range strings.Fields(text) {
			list = append(list, netip.MustParseAddr(s))
		}
		if got := ScopeOf(list); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// A listener on one address has that one. One on all has only what can be dialled.
func TestOwn(t *testing.T) {
	one := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 7}
	if got := Own(one); len(got) != 1 || got[0].String() != "127.0.0.9:7" {
		t.Errorf("%v: %v", one, got)
	}
	for _, any := range []*net.TCPAddr{{Port: 7}, {IP: net.IPv6unspecified, Port: 7}, {IP: net.IPv4zero, Port: 7}} {
		got := Own(any)
		if len(got) == 0 {
			t.Errorf("%v: nothing", any)
		}
		for _, a := range got {
			if !a.Addr().IsValid() || a.Addr().IsUnspecified() || a.Port() != 7 || any.IP.To4() != nil && !a.Addr().Is4() {
				t.Errorf("%v: %v cannot be dialled", any, a)
			}
		}
	}
	if got := Own(&net.UnixAddr{Name: "x"}); got != nil {
		t.Errorf("a socket that is no TCP: %v", got)
	}
	if slices.ContainsFunc(Callable(), func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }) {
		t.Error("no other machine reaches loopback")
	}
}

func TestCheckZones(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || !slices.ContainsFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 }) {
		t.Skipf("Wine, or a machine without a network: of its interfaces none is up (%v)", err)
	}
	for zone, ok := range map[string]bool{"lo": true, "1": true, "INTERFACE": false} {
		if i, err := net.InterfaceByIndex(1); zone == "lo" && (err != nil || i.Name != "lo") {
			continue
		}
		list, err := ParseList("192.0.2.7,fe80::1%" + zone)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckZones(list); (err == nil) != ok {
			t.Errorf("%s: %v", zone, err)
		}
	}
}
