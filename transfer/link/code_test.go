package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestGenerateCode(t *testing.T) {
	shape := regexp.MustCompile(`^[1-9][0-9]{0,2}(-[a-z]+){3}$`)
	seen := map[string]bool{}
	for range 200 {
		c, err := GenerateCode()
		if err != nil {
			t.Fatal(err)
		}
		s := c.Reveal()
		if !shape.MatchString(s) {
			t.Errorf("code %q", s)
		}
		seen[s] = true
		back, err := ParseCode(s)
		if err != nil || back.Reveal() != s {
			t.Errorf("parsed back: %q, %v", back.Reveal(), err)
		}
	}
	if len(seen) < 199 {
		t.Errorf("only %d different codes of 200", len(seen))
	}
}

func TestParseCode(t *testing.T) {
	for in, want := range map[string]string{
		"7-copper-violin-meadow":         "7-copper-violin-meadow",
		" 7 Copper  VIOLIN\tmeadow\n":    "7-copper-violin-meadow",
		"1-abcd":                         "1-abcd",
		"room-p@ss!":                     "room-p@ss!",
		"9-" + strings.Repeat("x", 126):  "9-" + strings.Repeat("x", 126),
		"":                               "",
		"1-abc":                          "", // too short
		"abcdefgh":                       "", // no room
		"-abcdefgh":                      "",
		"abcdef-":                        "",
		"a-----":                         "",
		"7-kupfer-geige-größe":           "", // two spellings in bytes
		"7-abc\x00def":                   "",
		"7-abc\x7fdef":                   "",
		"9-" + strings.Repeat("x", 127):  "",
		"9-" + strings.Repeat("x", 1000): "",
	} {
		c, err := ParseCode(in)
		if want == "" {
			if !errors.Is(err, errCode) || !c.isZero() {
				t.Errorf("%q: %q, %v", in, c.Reveal(), err)
			}
			continue
		}
		if err != nil || c.Reveal() != want {
			t.Errorf("%q: %q, %v; want %q", in, c.Reveal(), err, want)
		}
	}
}

// Nothing prints a code but Reveal, wherever it sits.
func TestCodeRedacted(t *testing.T) {
	c, err := ParseCode("7-hush-hush")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Role: Sender, Code: c}
	hidden := struct{ cfg Config }{cfg}
	for _, v := range []any{c, &c, cfg, &cfg, hidden, &hidden, []Code{c}, map[string]Code{"x": c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "hush") || strings.Contains(s, "68757368") {
				t.Errorf("%s of %T prints %q", verb, v, s)
			}
		}
	}
	if b, err := json.Marshal(struct{ C Code }{c}); err == nil {
		t.Errorf("JSON: %s", b)
	}
}
