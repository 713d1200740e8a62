package filter

import (
	"fmt"
	"strings"
	"testing"
)

// gitCase is a rule file and what git makes of one path below its folder.
type gitCase struct {
	rules string
	path  string // a folder if it ends in a slash
	line  int    // of the rule that decides, 0 for none
}

// What each is about: the rules that libraries and readers of gitignore(5) get
// wrong. TestAsGit asks git for the same answers.
var cases = []gitCase{
	// One name, at any depth; with a slash in it, from the folder of the file on.
	{"foo", "foo", 1}, {"foo", "x/foo", 1}, {"foo", "foo/x", 1}, {"foo", "foobar", 0}, {"foo", "Foo", 0},
	{"/foo", "foo", 1}, {"/foo", "x/foo", 0}, {"x/foo", "x/foo", 1}, {"x/foo", "y/x/foo", 0}, {"/x/foo", "x/foo", 1},
	{"foo/", "foo/", 1}, {"foo/", "foo", 0}, {"foo/", "x/foo/", 1}, {"foo/", "x/foo/y", 1}, {"x/foo/", "x/foo", 0},
	{"//foo", "foo", 0}, {"foo//", "foo/", 0}, {"./foo", "foo", 0}, {"/", "foo/", 0}, {"//", "foo/", 0}, {"!", "foo", 0},

	// The last rule that matches decides; below an excluded folder nothing comes back.
	{"foo\n!foo", "foo", 2}, {"!foo\nfoo", "foo", 2}, {"*\n!*.c", "a.c", 2}, {"*\n!*.c", "a.o", 1},
	{"foo/\n!foo/bar", "foo/bar", 1}, {"foo/*\n!foo/bar", "foo/bar", 2}, {"/*\n!/foo", "foo/", 2}, {"/*\n!/foo", "foo/bar", 0},
	{"*\n!*/", "foo/", 2}, {"*\n!*/", "foo", 1}, {"*\n!*/\n!*.c", "x/y/a.c", 3}, {"!!foo\nx", "!foo", 1},

	// Stars.
	{"*", "foo", 1}, {"*.c", "a.c", 1}, {"*.c", ".c", 1}, {"*.c", "x/a.c", 1}, {"*.c", "a.cc", 0}, {"x/*.c", "x/y/a.c", 0},
	{"x/*", "x/y/z", 1}, {"x/*/z", "x/y/z", 1}, {"x/*/z", "x/z", 0}, {"x/*/z", "x/y/y/z", 0}, {"a*b*c", "aXbYc", 1},
	{"a*b*c", "acb", 0}, {"*/foo", "foo", 0}, {"*/foo", "x/foo", 1}, {"*/foo", "x/y/foo", 0}, {`*\/foo`, "x/foo", 1},
	{"**", "foo", 1}, {"**", "x/y", 1}, {"***", "foo", 1}, {"a**c", "aXc", 1}, {"x/a**c", "x/aXc", 1}, {"x/a**c", "x/a/c", 0},
	{"**/foo", "foo", 1}, {"**/foo", "x/y/foo", 1}, {"**/foo", "xfoo", 0}, {"/**/foo", "x/foo", 1}, {"/**/foo", "foo", 1},
	{"**/x/foo", "x/foo", 1}, {"**/x/foo", "y/x/foo", 1}, {"**/x/foo", "yx/foo", 0}, {"**/foo/", "x/foo", 0},
	{"foo/**", "foo/", 0}, {"foo/**", "foo/x", 1}, {"foo/**", "foo/x/y", 1}, {"foo/**/", "foo/x", 0}, {"foo/**/", "foo/x/", 1},
	{"a/**/b", "a/b", 1}, {"a/**/b", "a/x/b", 1}, {"a/**/b", "a/x/y/b", 1}, {"a/**/b", "ab", 0}, {"a/**/b", "a/xb", 0},
	{"a/**/**/b", "a/b", 1}, {"**/a/**/b", "x/a/y/b", 1}, {"a/**/*", "a/b", 1}, {"**/**", "foo", 1}, {"a/**/x/*/b", "a/x/x/y/b", 1},
	{`**\/foo`, "foo", 0}, {`**\/foo`, "x/foo", 1}, {`**\/foo`, "x/y/foo", 1}, {`a/**\/b`, "a/b", 0}, {`a/**\/b`, "a/x/b", 1},
	// What follows the literal start is a pattern of its own for git.
	{"x/a**/c", "x/a/c", 1}, {"x/a**/c", "x/a/y/z/c", 1}, {"x/a**/c", "x/ac", 1}, {"x/[a]**/c", "x/a/y/c", 0},
	{"x/a**", "x/a/b/c", 1}, {`x/\a**/c`, "x/a/y/z/c", 0}, {"x/?**/c", "x/a/c", 1},

	// Question marks and sets take one byte and never a slash.
	{"a?c", "abc", 1}, {"a?c", "ac", 0}, {"a?c", "a/c", 0}, {"x/a?c", "x/a/c", 0}, {"?", "é", 0}, {"??", "é", 1}, {"?", "\xff", 1},
	{"[ab]", "b", 1}, {"[a-c]", "b", 1}, {"[a-c]", "d", 0}, {"[c-a]", "b", 0}, {"[!a]", "b", 1}, {"[!a]", "a", 0}, {"[^a]", "b", 1},
	{"[^a]", "^", 1}, {"[a^]", "^", 1}, {"[a!]", "!", 1}, {"[!!]", "!", 0}, {"[]a]", "]", 1}, {"[!]a]", "]", 0}, {"[!]a]", "b", 1},
	{"[a-]", "-", 1}, {"[-a]", "-", 1}, {"[a-c-e]", "d", 0}, {"[a-c-e]", "-", 1}, {"[--a]", "a", 1}, {`[\]]`, "]", 1},
	{`[\\]`, `\`, 1}, {`[a\-c]`, "b", 0}, {`[a\-c]`, "-", 1}, {`[\a-\c]`, "b", 1}, {"[a/b]", "a", 1}, {"[a/b]", "x/a", 0}, {"x[/]y", "x/y", 0},
	{"x/[!a]", "x/b", 1}, {"x[!a]y", "x/y", 0}, {"a[", "a[", 0}, {"[a", "a", 0}, {"[]", "]", 0}, {"[!]", "!", 0}, {"[a-", "a", 0},
	{`[\`, `\`, 0}, {`[a\`, "a", 0}, {"*[", "[", 0}, {"[é]", "é", 0}, {"[é][é]", "é", 1}, {"[\x80-\xff]", "\xe9", 1},
	{"[[:alpha:]]", "b", 1}, {"[[:alpha:]]", "1", 0}, {"[![:alpha:]]", "1", 1}, {"[[:alpha:][:digit:]]", "1", 1},
	{"[[:alpha:]-z]", "-", 1}, {"[[:digit:]x]", "x", 1}, {"[[:foo:]]", "f", 0}, {"[[:foo:]]", ":", 0}, {"[[:]", ":", 1}, {"[[:]", "[", 1},
	{"[[:a]", "a", 1}, {"[[:alpha]", "h", 1}, {"[[:alpha:]", "a", 0}, {"[[:ALPHA:]]", "A", 0}, {"[[]", "[", 1}, {"[[::]]", ":", 0},
	{"[[:space:]]", "\v", 0}, {"[[:space:]]", "\t", 1}, {"[[:cntrl:]]", "\x7f", 1}, {"[[:punct:]]", "_", 1}, {"[[:graph:]]", " ", 0},
	{"[a-[:digit:]]", ":]", 1}, {"[a-[:digit:]]", "5", 0}, {"[[:digit:]-9]", "8", 1}, {"[,-.]", "-", 1}, {"[+--]", "-", 1}, {"[+--]", "+", 1},

	// Escapes, comments, spaces, ends of lines.
	{`\foo`, "foo", 1}, {`\*`, "*", 1}, {`\*`, "foo", 0}, {`a\?`, "a?", 1}, {`a\?`, "ab", 0}, {`foo\`, "foo", 0}, {`foo\`, `foo\`, 0},
	{`foo\\`, `foo\`, 1}, {`foo\/`, "foo/", 0}, {`x\/foo`, "x/foo", 1}, {`x\/foo`, "y/x/foo", 0}, {`\[a]`, "[a]", 1},
	{"#foo", "#foo", 0}, {`\#foo`, "#foo", 1}, {" #foo", " #foo", 1}, {"foo#", "foo#", 1}, {`\!foo`, "!foo", 1}, {"a\n!#b", "#b", 2},
	{"foo ", "foo", 1}, {"foo  ", "foo ", 0}, {`foo\ `, "foo ", 1}, {`foo\  `, "foo ", 1}, {`foo \ `, "foo  ", 1}, {"foo\t", "foo", 0},
	{"foo\t", "foo\t", 1}, {" foo", "foo", 0}, {" foo", " foo", 1}, {"foo/ ", "foo/", 1}, {`foo \`, "foo ", 0}, {"   \nfoo", "foo", 2},
	{"foo\r\nbar\r\n", "foo", 1}, {"foo\r\nbar\r\n", "bar", 2}, {"foo\r", "foo", 1}, {"foo\r\r\n", "foo\r", 1}, {"foo \r\n", "foo", 1},
	{"\r\n\nfoo", "foo", 3}, {"\n\n# c\nfoo", "foo", 4}, {"\xef\xbb\xbffoo", "foo", 1}, {"a\n\xef\xbb\xbffoo", "foo", 0},
	{"\xef\xbb\xbf#foo", "#foo", 0}, {"\xff*", "\xffx", 1}, {"a b", "a b", 1}, {"", "foo", 0}, {"foo", "foo", 1},
}

// decidingLine is what the rule file says about a path, as a List sees it.
func decidingLine(t *testing.T, rules, path string) int {
	t.Helper()
	r, err := Read(strings.NewReader(rules), IgnoreFile)
	if err != nil {
		t.Fatalf("%q: %v", rules, err)
	}
	f, err := (*List)(nil).enter("", r)
	if err != nil {
		t.Fatal(err)
	}
	clean, isFolder := strings.CutSuffix(path, "/")
	excluded, stringer := f.MatchPath(clean, isFolder)
	by := ruleOf(stringer)
	if by == nil {
		if excluded {
			t.Errorf("%q: %q is excluded by no rule", rules, path)
		}
		return 0
	}
	if excluded == by.include {
		t.Errorf("%q: %q: excluded is %v, by %v", rules, path, excluded, by)
	}
	return by.line
}

// ruleOf is the rule that decided, nil for none.
func ruleOf(by fmt.Stringer) *Rule {
	r, _ := by.(*Rule)
	return r
}

func TestCases(t *testing.T) {
	for _, c := range cases {
		if got := decidingLine(t, c.rules, c.path); got != c.line {
			t.Errorf("%q: %q is decided by line %d, want %d", c.rules, c.path, got, c.line)
		}
	}
}
