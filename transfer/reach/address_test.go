package reach

import (
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7":                        "192.0.2.7:33779",
		"192.0.2.7:1":                      "192.0.2.7:1",
		"2001:db8::7":                      "[2001:db8::7]:33779",
		"[2001:db8::7]":                    "[2001:db8::7]:33779",
		"[2001:db8::7]:8":                  "[2001:db8::7]:8",
		"fe80::1%eth0":                     "[fe80::1%eth0]:33779",
		"nas":                              "nas:33779",
		"nas.local:http":                   "nas.local:80",
		"192.0.2.7, 10.0.0.3:5,2001:db8::": "192.0.2.7:33779,10.0.0.3:5,[2001:db8::]:33779",
		"a,a:33779,b":                      "a:33779,b:33779",
	} {
		list, err := ParseList(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := Join(list); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		for _, again := range []string{Join(list), JoinShort(list)} {
			if back, err := ParseList(again); err != nil || Join(back) != Join(list) {
				t.Errorf("%q reads back as %v, %v", again, back, err)
			}
		}
	}
}

// What cannot be an address is refused with what to type.
func TestParseListRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "an address is missing",
		"a,,b":                               "an address is missing",
		"a:":                                 "without a colon it is 33779",
		":33779":                             "no machine before the port",
		"33779":                              "a number only",
		"h:99999":                            "ports are 1 to 65535",
		"h:0":                                "ports are 1 to 65535",
		"h:-1":                               "ports are 1 to 65535",
		"h:no-such-service":                  "ports are 1 to 65535",
		"192.0.2.300":                        "no IPv4 address",
		"192.0.2":                            "no IPv4 address",
		"2001:db8::7:33779":                  "write [2001:db8::7]:33779",
		"2001:db8:7:33779":                   "is no IPv6 address",
		"[2001:db8::7":                       "not closed",
		"[192.0.2.7]:1":                      "is no IPv6 address",
		"[::1]1":                             "behind the bracket",
		"fe80::1":                            "fe80::1%eth0",
		"0.0.0.0:33779":                      "every address",
		"224.0.0.251":                        "of many machines",
		"http://192.0.2.7":                   "is a URL",
		"me@host":                            "names a user",
		"/tmp/x":                             "is a path",
		"host 33779":                         "has a space",
		"--listen":                           "no name of a machine",
		"what?":                              "no name of a machine",
		strings.Repeat("a,", 3) + "\x1b[2Jx": "no name of a machine",
		"a.1,a.2,a.3,a.4,a.5,a.6,a.7,a.8,a.9,a.10,a.11,a.12,a.13,a.14,a.15,a.16,a.17": "16 is the limit",
	} {
		if list, err := ParseList(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, list, err, want)
		}
	}
}

func TestLooksLikeAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.7": true, "2001:db8::7": true, "nas:33779": true, "192.0.2.7,10.0.0.1": true, "[::1]:8": true,
		"nas": false, "photos": false, "a:b": false, "photos:": false, "": false, "nas,nas": false,
	} {
		if got := LooksLikeAddress(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Whatever ParseList takes, it takes again from Join, as the same.
func FuzzParseList(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "[2001:db8::7]:8,nas", "fe80::1%eth0", "h:99999", "a,,b", "2001:db8::7:33779", "\xff:1", "xn--a:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseList(text)
		if err != nil {
			return
		}
		if len(list) == 0 {
			t.Fatalf("%q has no address", text)
		}
		for _, again := range []string{Join(list), JoinShort(list)} {
			back, err := ParseList(again)
			if err != nil || Join(back) != Join(list) {
				t.Fatalf("%q is %q, which reads back as %v, %v", text, again, back, err)
			}
		}
	})
}
