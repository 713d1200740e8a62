package ssh

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow gives what it holds a few bytes at a time.
type slow struct {
	text string
	at   int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.at == len(s.text) {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 7)], s.text[s.at:])
	s.at += n
	return n, nil
}

func (*slow) SetReadDeadline(time.Time) error { return nil }

func TestReady(t *testing.T) {
	r := Ready{Version: "v1", OS: "linux", Arch: "arm64", PID: 7, Connection: "192.0.2.1 5 192.0.2.2 22"}
	for _, before := range []string{"", "welcome", "two\nlines\n", "FERRY-READY 2 {}\n", "x FERRY-READY 1 {}\n", strings.Repeat("x", maxBanner)} {
		got, banner, err := awaitReady(&slow{text: before + string(r.Line())}, 0)
		if err != nil || got != r {
			t.Errorf("%.20q: %+v, %v", before, got, err)
		}
		if !strings.HasPrefix(string(banner), before) {
			t.Errorf("%.20q: the banner is %.20q", before, banner)
		}
	}
}

func TestReadyRefuses(t *testing.T) {
	line := string(Ready{Version: "v1"}.Line())
	for text, want := range map[string]string{
		"":                                   "EOF",
		"bash: ferry: command not found\n":   "EOF",
		line[:len(line)-1]:                   "EOF",
		strings.Repeat("x", maxBanner+8<<10): "too much",
		"\n" + readyWord + strings.Repeat("x", maxReady+8<<10): "too long",
		"\n" + readyWord + "no json\n":                         "the ready line",
		"\nFERRY-READY 12 {\"version\":\"v9\"}\n":              "speaks version 12",
		"\nFERRY-READY x {}\n":                                 "EOF",
		line + "and more":                                      "behind",
	} {
		if r, _, err := awaitReady(&slow{text: text}, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %+v, %v; want %q", text, r, err, want)
		}
	}
}

// However the bytes come, the same is found, and memory is bounded.
func FuzzReady(f *testing.F) {
	f.Add([]byte("\nFERRY-READY 1 {\"version\":\"x\"}\n"))
	f.Add([]byte("noise FERRY-READY 1 {}\n\nFERRY-READY 1 {}\n"))
	f.Add(bytes.Repeat([]byte("\n"), 100))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, before, err := awaitReady(&slow{text: string(text)}, 0)
		if len(before) > maxBanner+len(readyWord)+maxReady+4<<10 {
			t.Fatalf("%d bytes are kept", len(before))
		}
		if err != nil {
			return
		}
		again, _, err := awaitReady(&slow{text: string(before) + string(r.Line())}, 0)
		if err != nil || again != r {
			t.Fatalf("%q: %+v becomes %+v, %v", text, r, again, err)
		}
	})
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"ssh":                       "ssh",
		" ssh  -p 22\t-J jump ":     "ssh|-p|22|-J|jump",
		`ssh -o "A B=c" 'it is'`:    "ssh|-o|A B=c|it is",
		`a\ b c\"d "x\"y" 'a\b' ''`: `a b|c"d|x"y|a\b|`,
	} {
		got, err := words(text, true)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " ", `"`, `'a`, `a\`} {
		if got, err := words(text, true); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		`C:\Windows\ssh.exe -p 22`:       `C:\Windows\ssh.exe|-p|22`,
		`"C:\Program Files\ssh.exe" -v`:  `C:\Program Files\ssh.exe|-v`,
		`\\server\tools\ssh 'a b' C:\x\`: `\\server\tools\ssh|a b|C:\x\`,
	} {
		got, err := words(text, false)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("on Windows %q: %q, %v", text, got, err)
		}
	}
}

func TestCheckHost(t *testing.T) {
	for _, host := range []string{"nas", "me@nas.local", "2001:db8::1", "me@fe80::1%eth0", "x_y-z", "10.0.0.1"} {
		if err := CheckHost(host); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
	for _, host := range []string{"", "@nas", "me@", "-oProxyCommand=x", "me@-x", "a b", "a;b", "$(x)", "a\nb", "'a'"} {
		if err := CheckHost(host); err == nil {
			t.Errorf("%q is taken", host)
		}
	}
}

func TestSettings(t *testing.T) {
	s := parseSettings([]byte("user me\nhostname 192.0.2.7\nciphers a,b\nproxyjump none\n"))
	if s != (Settings{Hostname: "192.0.2.7", Ciphers: "a,b"}) || s.QuickCiphers() != "" {
		t.Errorf("%+v", s)
	}
	if s := parseSettings([]byte("proxyjump gate\n")); !s.Proxied {
		t.Errorf("%+v", s)
	}
	list := "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com"
	quick := Settings{Ciphers: list}.QuickCiphers()
	if quick != "" && (len(quick) != len(list) || !strings.HasPrefix(quick, "aes128-gcm")) {
		t.Errorf("%q", quick)
	}
}

func TestSaid(t *testing.T) {
	var told []string
	s := &said{tell: func(line string) { told = append(told, line) }}
	for _, text := range []string{"one\r\ntw", "o\n\n", strings.Repeat("x", 3000), "\nend"} {
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
	}
	s.end()
	if len(told) != 4 || told[0] != "one" || told[1] != "two" || len(told[2]) != longestSaid || told[3] != "end" {
		t.Errorf("%.40q", told)
	}
	for range 100 {
		_, _ = s.Write([]byte(strings.Repeat("y", 500) + "\n"))
	}
	total := 0
	for _, line := range s.lines() {
		total += len(line)
	}
	if total > maxSaid {
		t.Errorf("%d bytes are kept", total)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err    *Error
		text   string
		absent bool
	}{
		{&Error{Host: "h", Exit: 127, Lines: []string{"ferry: not found"}}, "no ferry answers at h", true},
		{&Error{Host: "h", Exit: 255, Lines: []string{"refused"}}, "ssh: refused", false},
		{&Error{Host: "h", Exit: 255}, "ssh could not connect to h", false},
		{&Error{Host: "h", Exit: -1, Err: errors.New("x")}, "x", false},
	} {
		if c.err.Error() != c.text || c.err.Absent() != c.absent {
			t.Errorf("%+v: %q, %v", c.err, c.err.Error(), c.err.Absent())
		}
	}
}
