package relayed

import (
	"strings"
	"testing"
)

const pin = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"

func TestParseURL(t *testing.T) {
	for text, want := range map[string][2]string{
		"tcp://relay.example":                    {"tcp://relay.example:33780", "relay.example"},
		"tcp://relay.example/":                   {"tcp://relay.example:33780", "relay.example"},
		"tcp://192.0.2.7:99":                     {"tcp://192.0.2.7:99", "192.0.2.7:99"},
		"tcp://[2001:db8::1]":                    {"tcp://[2001:db8::1]:33780", "2001:db8::1"},
		"tcp://[2001:db8::1]:1":                  {"tcp://[2001:db8::1]:1", "[2001:db8::1]:1"},
		"TLS://relay.example":                    {"tls://relay.example:443", "relay.example"},
		"tls://relay.example:8443#sha256=" + pin: {"tls://relay.example:8443#sha256=" + pin, "relay.example:8443"},
		"wss://relay.example":                    {"wss://relay.example:443/", "relay.example"},
		"wss://relay.example/ferry/x?y=1":        {"wss://relay.example:443/ferry/x?y=1", "relay.example"},
		"wss://h:1/p#sha256=" + pin:              {"wss://h:1/p#sha256=" + pin, "h:1"},
	} {
		u, err := ParseURL(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if u.String() != want[0] || u.Host() != want[1] {
			t.Errorf("%q is %q at %q, want %q", text, u, u.Host(), want)
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Errorf("%q reads back as %v, %v", u, again, err)
		}
	}
}

// What cannot be a relay is refused with what is wrong.
func TestParseURLRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "none of tcp://",
		"relay.example":                 "none of tcp://",
		"relay.example:33780":           "none of tcp://",
		"http://relay.example":          "none of tcp://",
		"ws://relay.example":            "none of tcp://",
		"tcp://":                        "no host",
		"tcp://:33780":                  "no host",
		"tcp://me@relay.example":        "user name",
		"tcp://me:word@relay.example":   "user name",
		"tcp://relay.example:":          "1 to 65535",
		"tcp://relay.example:0":         "1 to 65535",
		"tcp://relay.example:65536":     "1 to 65535",
		"tcp://relay.example:http":      "cannot be read",
		"tcp://relay.example/path":      "only wss://",
		"tls://relay.example?x=1":       "only wss://",
		"tcp://h#sha256=" + pin:         "only tls:// and wss://",
		"tls://h#sha256=abcd":           "64 hexadecimal digits",
		"tls://h#sha256=" + pin[:63]:    "64 hexadecimal digits",
		"tls://h#md5=" + pin:            "something else than sha256",
		"tcp://relay.example:1\n":       "cannot be read",
		"tcp://[2001:db8::1":            "cannot be read",
		strings.Repeat("tcp://h/", 3):   "only wss://",
		"tcp://relay.example:33780#pin": "something else than sha256",
	} {
		if u, err := ParseURL(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, u, err, want)
		}
	}
}

// Whatever ParseURL takes, it takes again from String, as the same.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"tcp://h", "tls://h:1#sha256=" + pin, "wss://h/p?q", "tcp://[::1%25eth0]:2", "wss://h//x", "wss://h/%2f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			return
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Fatalf("%q is %q, which reads back as %q, %v", text, u, again, err)
		}
	})
}
