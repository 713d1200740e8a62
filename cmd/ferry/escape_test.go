package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// odd are names and messages that would mislead a terminal, a log or a reader.
var odd = []struct{ raw, shown string }{
	{"plain name.txt", "plain name.txt"},
	{"grüße 日本", "grüße 日本"},
	{"a\x1b[2Jb", `a\x1b[2Jb`},
	{"a\nb\rc\td", `a\x0ab\x0dc\x09d`},
	{"bell\a del\x7f", `bell\x07 del\x7f`},
	{"c1 \u009b31m", `c1 \u{9b}31m`},
	{"raw c1 \x9b31m", `raw c1 \x9b31m`},
	{"caf\xe9", `caf\xe9`},
	{"exe\u202egpj.exe", `exe\u{202e}gpj.exe`},
	{"zero\u200bwidth\ufeff", `zero\u{200b}width\u{feff}`},
	{"line\u2028sep\u2029", `line\u{2028}sep\u{2029}`},
	{"iso\u2066late\u2069", `iso\u{2066}late\u{2069}`},
	{"tag \U000e0041", `tag \u{e0041}`},
	{"filler\u3164", `filler\u{3164}`},
	{"osc \x1b]8;;http://x\x07click\x1b]8;;\x07", `osc \x1b]8;;http://x\x07click\x1b]8;;\x07`},
	{`back\slash`, `back\slash`},
	{"\xf0\x9f\x98", `\xf0\x9f\x98`},
}

func TestEscape(t *testing.T) {
	for _, c := range odd {
		if got := escape(c.raw); got != c.shown {
			t.Errorf("escape(%q) = %q, want %q", c.raw, got, c.shown)
		}
		if got := escape(escape(c.raw)); got != c.shown {
			t.Errorf("escaping %q twice gives %q", c.raw, got)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, c := range odd {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{escape(s), show(s), cutMiddle(escape(s), 7), string(jsonSafe(mustJSON(t, s)))} {
			if needsEscape(out) {
				t.Errorf("%q became %q", s, out)
			}
		}
		if w := columns(show(s)); w > maxShown {
			t.Errorf("%q is shown in %d columns", s, w)
		}
		var back string
		if err := json.Unmarshal(jsonSafe(mustJSON(t, s)), &back); err != nil || utf8.ValidString(s) && back != s {
			t.Errorf("JSON of %q reads as %q (%v)", s, back, err)
		}
	})
}

func mustJSON(t *testing.T, s string) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"abcdefghij", 10, "abcdefghij"},
		{"abcdefghij", 9, "abc...hij"},
		{"abcdefghij", 8, "abc...ij"},
		{"abcdefghij", 3, "abc"},
		{"abcdefghij", 0, ""},
		{"日本語日本語", 9, "日...語"}, // half a wide rune is none
		{"日本語", 6, "日本語"},
	} {
		got := cutMiddle(c.in, c.width)
		if got != c.want || columns(got) > c.width {
			t.Errorf("cutMiddle(%q, %d) = %q (%d columns), want %q", c.in, c.width, got, columns(got), c.want)
		}
	}
	long := show(strings.Repeat("x\x1b", 1<<20))
	if columns(long) > maxShown || !strings.Contains(long, ellipsis) {
		t.Errorf("a long name is shown in %d columns", columns(long))
	}
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 10235: "10.0 KiB", 102400: "100 KiB",
		1047552: "1023 KiB", 1048063: "1023 KiB", 1048064: "1.00 MiB", 1 << 40: "1.00 TiB", 1<<63 - 1: "8.00 EiB",
	} {
		if got := sizeText(n); got != want {
			t.Errorf("sizeText(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestQuoteIsReadBackByTheShell(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash to ask")
	}
	args := []string{"", "~", "a b", "it's", `a"b$c` + "`d", "*", "[::1]:33779", "-x", "a\nb", "x\x1b'\\y", "caf\xe9", "exe\u202egpj", "\x01\x02f"}
	for _, a := range args {
		out, err := exec.Command(bash, "-c", "printf %s "+quote(a)).Output()
		if err != nil || string(out) != a {
			t.Errorf("%q quoted as %s reads as %q (%v)", a, quote(a), out, err)
		}
		if needsEscape(quote(a)) {
			t.Errorf("%q quoted as %q is not fit to be shown", a, quote(a))
		}
	}
}
