package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/tree"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		yes, not string // names with spaces between them
	}{
		{"*", "a .b c.d", ""},
		{"*.*", "a .b c.d", ""},
		{"*.jpg", "a.jpg A.JPG .jpg a.b.jpg", "jpg a.jpg2 a.jpe"},
		{"a*b*c", "abc aXbXc abbcc aBcbC", "ab abcd xabc"},
		{"?", "a \u00e9 \U0001f600", "ab"},
		{"a?c", "abc A\u00e9C", "ac abbc"},
		{"\u00c9*", "\u00e9t\u00e9 \u00c9a", "e"},
		{"[a]*", "[a] [A]b", "a ab"},
		{"**", "a", ""},
		{"*a", "a aa ba", "ab b"},
		{"a", "a A", "aa b"},
	} {
		for _, name := range strings.Fields(c.yes) {
			if !matches(c.pattern, name) {
				t.Errorf("%s does not match %s", c.pattern, name)
			}
		}
		for _, name := range strings.Fields(c.not) {
			if matches(c.pattern, name) {
				t.Errorf("%s matches %s", c.pattern, name)
			}
		}
	}
	if matches("?*", "") || !matches("", "") || !matches("*", "") {
		t.Error("an empty name is matched wrongly")
	}
}

// FuzzMatches compares with the matching of filepath, which knows capitals, and brackets.
func FuzzMatches(f *testing.F) {
	for _, pattern := range []string{"*", "a*b*c", "?a*", "*.*", "**?"} {
		f.Add(pattern, "abc")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		plain := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(`/\[]`, r) || r == 0xfffd {
					return -1
				}
				return r
			}, strings.ToUpper(strings.ToUpper(s)))
		}
		pattern, name = plain(pattern), strings.NewReplacer("*", "", "?", "").Replace(plain(name))
		want, err := filepath.Match(pattern, name)
		if err != nil {
			t.Skip(err)
		}
		if got := matches(pattern, name); got != (want || pattern == "*.*") {
			t.Errorf("%q matches %q: %t", pattern, name, got)
		}
	})
}

func TestMatching(t *testing.T) {
	lay(t, "a.txt", "B.TXT", "c.md", "sub/d.txt", "sub/e.md", "tub/d.txt", "sub/"+tree.PartialName+"/x", ".hidden")
	for pattern, want := range map[string]string{
		"*.txt": "B.TXT a.txt", "*": ".hidden B.TXT a.txt c.md sub tub", "?ub": "sub tub", "?ub/": "sub/ tub/", "*/": "sub/ tub/",
		"sub/*": "sub/d.txt sub/e.md", "*/d.txt": "sub/d.txt tub/d.txt", "*/e.*": "sub/e.md", "./*.md": "./c.md", "?ub//D.*": "sub//d.txt tub//d.txt",
		"none*": "", "a.txt": "", "a.txt/*": "", "none/*": "", "host:*": "",
	} {
		if got := strings.Join(matching(filepath.FromSlash(pattern)), " "); got != filepath.FromSlash(want) {
			t.Errorf("%s matches %q, want %q", pattern, got, want)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := matching(filepath.Join(here, "c*")), []string{filepath.Join(here, "c.md")}; !slices.Equal(got, want) {
		t.Errorf("a whole path matches %q", got)
	}
}
