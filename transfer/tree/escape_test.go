package tree

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscapeName(t *testing.T) {
	for name, want := range map[string]string{
		"plain.txt": "plain.txt", "100%": "100%", "a%3Ab": "a%3Ab", "日本 ä": "日本 ä", ".a": ".a", "a..b": "a..b", "com": "com",
		"a:b": "a%3Ab", `<>:"\|?*`: "%3C%3E%3A%22%5C%7C%3F%2A", "100%?": "100%25%3F", "a%3A:": "a%253A%3A",
		"a\x01\x1f\x7f": "a%01%1F\x7f", "x.": "x%2E", "x. .": "x. %2E", "x ": "x%20", "...": "..%2E", " ": "%20",
		"\xff": "%FF", "ä\xc3": "ä%C3", "\xed\xa0\x80": "%ED%A0%80",
		"aux": "au%78", "AUX.txt": "AU%58.txt", "aux.d": "au%78.d", "nul .tar.gz": "nu%6C .tar.gz", "con.": "co%6E%2E", "com¹.x": "com%C2%B9.x", "LPT9": "LPT%39", "conin$": "conin%24",
		"ferry-~1": "ferry-%7E1", "FERRY-~.": "FERRY-%7E%2E", "ferry~1": "ferry~1",
	} {
		got := EscapeName(name, MaxName)
		if got != want {
			t.Errorf("%q is escaped to %q, not %q", name, got, want)
		}
		back, ok := UnescapeName(got)
		if name == "a%3Ab" {
			name = "a:b" // it may have been that
		}
		if ok != strings.Contains(got, "%") && got != "100%" || ok && back != name {
			t.Errorf("%q is unescaped to %q, %v; it was %q", got, back, ok, name)
		}
	}
}

// A name that is too long is cut, and keeps its extension and what tells it from others.
func TestEscapeLongName(t *testing.T) {
	const most = 60
	long := strings.Repeat("n", most)
	seen := make(map[string]string)
	for name, end := range map[string]string{
		long + "1.tar.gz": ".gz", long + "2.tar.gz": ".gz", long + ".": "", long + "." + strings.Repeat("x", 40): "", long + ".a:b": "",
		strings.Repeat(":", 40) + ".jpg": ".jpg", strings.Repeat("é", 40): "", "x" + strings.Repeat("é", 40) + ".é": ".é", strings.Repeat("\xff", MaxName): "", "." + long: "",
	} {
		got := EscapeName(name, most)
		if len(got) > most || !strings.HasSuffix(got, end) || !utf8.ValidString(got) || checkWindowsName(got) != nil {
			t.Errorf("%q is cut to %q, %d bytes", name, got, len(got))
		}
		if seen[got] != "" {
			t.Errorf("%q and %q are cut to %q", name, seen[got], got)
		}
		seen[got] = name
		if again := EscapeName(got, most); again != got {
			t.Errorf("%q is cut again to %q", got, again)
		}
		if name, ok := UnescapeName(got); ok {
			t.Errorf("%q is unescaped to %q", got, name)
		}
	}
	if got := EscapeName(long+"1.tar.gz", most); got != strings.Repeat("n", 39)+"%~6a90147955e12c69.gz" {
		t.Errorf("an older ferry has cut it to something else than %q", got)
	}
}

// FuzzEscapeName takes as oracle what Windows refuses, and that nothing of a name is lost.
func FuzzEscapeName(f *testing.F) {
	for _, name := range []string{"a", "a:b", "aux.d", "AUX .", "com¹", "x.", "a%3Ab", "%~0123456789abcdef", "\xff\xfe", "ferry-~1.", "100%:", strings.Repeat(":", 200), strings.Repeat("é", 127)} {
		f.Add(name, uint8(255))
		f.Add(name, uint8(40))
	}
	f.Fuzz(func(t *testing.T, name string, most uint8) {
		if CheckComponent(name) != nil || most < 32 {
			return
		}
		got := EscapeName(name, int(most))
		if len(got) > int(most) || checkWindowsName(got) != nil || CheckComponent(got) != nil {
			t.Fatalf("%q is escaped to %q, which does not do", name, got)
		}
		if again := EscapeName(got, int(most)); again != got {
			t.Errorf("%q is escaped to %q, and that to %q", name, got, again)
		}
		if len(name) <= int(most) && checkWindowsName(name) == nil {
			if got != name {
				t.Errorf("%q needs no escape, and is %q", name, got)
			}
			return
		}
		back, ok := UnescapeName(got)
		if cut := strings.Contains(got, "%~"); ok == cut || ok && back != name {
			t.Errorf("%q is escaped to %q, and back to %q", name, got, back)
		}
		if escaped := EscapeName(name, 3*MaxName); len(escaped) <= int(most) && escaped != got {
			t.Errorf("%q is escaped to %q where there is room, and else to %q", name, escaped, got)
		}
	})
}
