package main

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"ferry/transfer"
	"ferry/transfer/tree"
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
	{"no\u00a0break em\u2003space", `no\u{a0}break em\u{2003}space`},
	{"braille\u2800 jamo\u115f half\uffa0 note\U0001d159", `braille\u{2800} jamo\u{115f} half\u{ffa0} note\u{1d159}`},
	{"ogham\u1680 wide\u3000 private\ue000", `ogham\u{1680} wide\u{3000} private\u{e000}`},
	{"Vie\u0323\u0302t \u0301x", "Vie\u0323\u0302t \\u{301}x"},
	{"x\u0335\u0335\u0335\u0335y", "x\u0335\u0335\\u{335}\\u{335}y"},
	{"\u0301x\n\u0301", `\u{301}x\x0a\u{301}`},
	{"\u1112\u1161\u11ab", "\u1112\u1161\u11ab"},
	{"\u1112\u1161\u1161\u1161", "\u1112\u1161\u1161\\u{1161}"},
	{"\u05d0\u05d1\u05d2.gpj.exe", "\u2066\u05d0\u05d1\u05d2\u2069.gpj.exe"},
	{"a \u05d0\u05b4 1 \u0627 b", "a \u2066\u05d0\u05b4 1 \u0627\u2069 b"},
	{"\u2066x\u2069 \u2066\u05d0", "\\u{2066}x\\u{2069} \\u{2066}\u2066\u05d0\u2069"},
}

// Names whose spaces could make them look like something else are quoted.
var oddNames = []struct{ raw, shown string }{
	{"a b", "a b"},
	{" leading", `" leading"`},
	{"trailing ", `"trailing "`},
	{"two  spaces", `"two  spaces"`},
	{"dir /a", `"dir /a"`},
	{"dir/ a", `"dir/ a"`},
	{`"quoted"`, `"\"quoted\""`},
	{"a\\b ", `"a\\b "`},
	{" \x1b", `" \x1b"`},
	{"\u05d0.exe", "\u2066\u05d0.exe\u2069"},
	{"", ""},
}

func TestShow(t *testing.T) {
	for _, c := range oddNames {
		if got := show(c.raw); got != c.shown {
			t.Errorf("show(%q) = %q, want %q", c.raw, got, c.shown)
		}
	}
	if got := fit("\u05d0"+strings.Repeat("x", 30), 10); got != "\u2066\u05d0xxx...xxx\u2069" {
		t.Errorf("cut in the middle it is %q", got)
	}
}

// unquote reads back what nameText put in quotes: escapes of bytes and runes, and a
// backslash before what would end them. It is written from the words on nameText.
func unquote(t *testing.T, s string) string {
	t.Helper()
	var out []byte
	for s = s[1 : len(s)-1]; s != ""; {
		var n int
		switch {
		case strings.HasPrefix(s, `\\`), strings.HasPrefix(s, `\"`):
			out, n = append(out, s[1]), 2
		case strings.HasPrefix(s, `\x`):
			b, err := strconv.ParseUint(s[2:4], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			out, n = append(out, byte(b)), 4
		case strings.HasPrefix(s, `\u{`):
			n = strings.IndexByte(s, '}') + 1
			r, err := strconv.ParseUint(s[3:n-1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			out = utf8.AppendRune(out, rune(r))
		default:
			out, n = append(out, s[0]), 1
		}
		s = s[n:]
	}
	return string(out)
}

// wellFormed is the oracle for what may stand on a terminal: signs that are seen, two
// marks on one, and isolates that are closed, flat, and about what needs them.
func wellFormed(s string) bool {
	marks, isolated := 9, false
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			return strings.ContainsRune(s, utf8.RuneError) && utf8.ValidString(s)
		case r == 0x2066 || r == 0x2069:
			if isolated == (r == 0x2066) {
				return false
			}
			isolated = !isolated
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc):
			if marks++; marks > 2 {
				return false
			}
		case r != ' ' && (unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)):
			return false
		case unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam) && unicode.IsLetter(r) && !isolated:
			return false
		default:
			marks = 0
		}
	}
	return !isolated
}

func FuzzShow(f *testing.F) {
	for _, c := range append(odd, oddNames...) {
		f.Add(c.raw, 20)
	}
	f.Add(strings.Repeat("x", 48)+"    file          1 KB  report.pdf"+strings.Repeat(" ", 46)+"    and nothing else", 80)
	f.Add(strings.Repeat("\U0001f44d\U0001f3fd", 60), 33)
	f.Add(strings.Repeat("\u1100", 60), 33)
	f.Add(strings.Repeat("\u05d0 ", 60), 33)
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 1 + max(width, -width)%200
		for _, out := range []string{show(s), fit(s, width), tell(s), escape(s)} {
			if !wellFormed(out) {
				t.Errorf("%q is shown as %q", s, out)
			}
		}
		if out := fit(s, width); columns(out) > width {
			t.Errorf("%q in %d columns takes %d", s, width, columns(out))
		}
		if again := escape(escape(s)); again != escape(s) {
			t.Errorf("%q escaped is %q, and again %q", s, escape(s), again)
		}
		if q := nameText(s); strings.HasPrefix(q, `"`) {
			if back := unquote(t, q); back != s {
				t.Errorf("%q is quoted as %q, which reads %q", s, q, back)
			}
		} else if odd := strings.TrimSpace(s) != s && !needsEscape(s) || strings.Contains(s, "  "); odd {
			t.Errorf("%q is shown as %q", s, q)
		}
		if escape(show(s)) != show(s) {
			t.Errorf("%q is shown as %q, and in a line as %q", s, show(s), escape(show(s)))
		}
		rows := strings.Split(fold(s, width), "\n")
		for i, row := range rows {
			if width >= leastFold && columns(row) >= width || i > 0 && (!strings.HasPrefix(row, "  ") || strings.HasPrefix(row, "   ")) || !wellFormed(row) {
				t.Errorf("%q has the row %q of %d in %d columns", s, row, columns(row), width)
			}
		}
		row := offerRow(transfer.OfferItem{Name: s, Kind: tree.File, Size: 1000}, width)
		if width >= leastFold && columns(row) > width || !wellFormed(row) {
			t.Errorf("%q is the row %q of %d columns in %d", s, row, columns(row), width)
		}
	})
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
		for _, out := range []string{escape(s), show(s), cutMiddle(plain(s), 7), string(jsonSafe(mustJSON(t, s)))} {
			if needsEscape(unisolated(out)) {
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

// What a terminal draws beside the rune before counts, or a name would be longer than
// its row and go on in the next one.
func TestColumns(t *testing.T) {
	for s, want := range map[string]int{
		"각": 2, "\u1100\u1161\u11a8": 2, "e\u0301": 1, "🇩🇪": 2,
		strings.Repeat("\u1100", 85): 170, strings.Repeat("\ua960", 85): 170, "ｶ" + strings.Repeat("\uff9e", 84): 85, "👍🏽": 4,
	} {
		if got := columns(s); got != want {
			t.Errorf("%q takes %d columns, want %d", s, got, want)
		}
		if short := fit(s, 40); columns(short) > 40 {
			t.Errorf("%q is cut to %d columns", s, columns(short))
		}
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
