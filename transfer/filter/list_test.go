package filter

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// flagRules makes rules of flags written as "-P" for an exclude, "+P" for an include.
func flagRules(t testing.TB, flags ...string) []Rule {
	t.Helper()
	var rules []Rule
	for _, flag := range flags {
		parse := Exclude
		if flag[0] == '+' {
			parse = Include
		}
		r, err := parse(flag[1:])
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	return rules
}

func newList(t testing.TB, rules []Rule) *List {
	t.Helper()
	f, err := New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func readRules(t testing.TB, text, name string) []Rule {
	t.Helper()
	rules, err := Read(strings.NewReader(text), name)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func enter(t testing.TB, f *List, path, text string) *List {
	t.Helper()
	name := IgnoreFile
	if path != "" {
		name = path + "/" + name
	}
	inner, err := f.enter(path, readRules(t, text, name))
	if err != nil {
		t.Fatal(err)
	}
	return inner
}

func TestFlags(t *testing.T) {
	rules := flagRules(t, "-*.o", "+keep.o", "-#x", "-sp ", "-!in.o", "+!odd.o")
	rules = append(rules, readRules(t, "# from a file\n*.tmp\n", "list.txt")...)
	rules = append(rules, flagRules(t, "+/top.tmp", "-last/")...)
	f := newList(t, rules)
	for _, c := range []struct {
		path     string
		isFolder bool
		by       string // of an exclude, with "+" before that of an include
	}{
		{"a.o", false, "*.o (--exclude)"},
		{"d/keep.o", false, "+keep.o (--include)"},
		{"in.o", false, "+!in.o (--exclude)"}, // an exclude of !P is an include of P
		{"!odd.o", false, "+!odd.o (--include)"},
		{"#x", false, "#x (--exclude)"}, // flags have no comments
		{"sp ", false, "sp  (--exclude)"},
		{"sp", false, ""},
		{"d/a.tmp", false, "*.tmp (line 2 of list.txt)"},
		{"top.tmp", false, "+/top.tmp (--include)"},
		{"d/top.tmp", false, "*.tmp (line 2 of list.txt)"},
		{"last", true, "last/ (--exclude)"},
		{"last", false, ""},
		{"", true, ""},
	} {
		excluded, by := f.Match(c.path, c.isFolder)
		got := ""
		if by != nil {
			got = by.String()
			if !excluded {
				got = "+" + got
			}
		}
		if got != c.by || excluded && by == nil {
			t.Errorf("%q is decided by %q, want %q", c.path, got, c.by)
		}
	}
}

func TestNested(t *testing.T) {
	given := newList(t, flagRules(t, "-*.key", "+always"))
	top := enter(t, given, "", "*.log\nalways\n/only-top\n")
	sub := enter(t, top, "sub", "!*.log\n*.c\n!x.key\n/here\n")
	deep := enter(t, sub, "sub/deep", "a.log\n!b.c\n")
	for _, c := range []struct {
		f        *List
		path     string
		excluded bool
	}{
		{given, "a.log", false}, {top, "a.log", true}, {top, "sub/only-top", false}, {top, "only-top", true},
		{sub, "sub/a.log", false}, {sub, "sub/x.c", true}, {top, "x.c", false},
		{deep, "sub/deep/a.log", true}, {deep, "sub/deep/b.log", false}, {deep, "sub/deep/b.c", false}, {deep, "sub/deep/x.c", true},
		{sub, "sub/here", true}, {deep, "sub/deep/here", false},
		// The rules given have the last word, and what entered a folder says nothing
		// of its neighbours.
		{sub, "sub/x.key", true}, {top, "always", false},
		{deep, "other/x.c", false}, {deep, "subx.c", false}, {deep, "other/a.log", true},
	} {
		if got, by := c.f.Match(c.path, false); got != c.excluded {
			t.Errorf("%q: excluded is %v, by %v", c.path, got, by)
		}
	}
	if same, err := top.enter("sub", nil); err != nil || same != top {
		t.Errorf("a folder without rules changes the filter: %v", err)
	}
}

func TestMatchPath(t *testing.T) {
	f := newList(t, flagRules(t, "-skip", "+skip/deep/kept"))
	if excluded, by := f.MatchPath("a/skip/deep/kept", false); !excluded || ruleOf(by).text != "skip" {
		t.Errorf("an item below an excluded folder: %v, %v", excluded, by)
	}
	if excluded, by := f.MatchPath("a/b", true); excluded || by != nil {
		t.Errorf("an item that no rule is about: %v, %v", excluded, by)
	}
	if excluded, by := (*List)(nil).MatchPath("a/b", true); excluded || by != nil {
		t.Errorf("no filter: %v, %v", excluded, by)
	}
}

func TestRuleDead(t *testing.T) {
	for _, text := range []string{"", "/", "!", `a\`, "[", "a[b", "[[:no:]]", "x/[a", "[a-", `[\`} {
		if r, err := Exclude(text); err != nil || !r.pattern.dead {
			t.Errorf("%q: dead is %v, %v", text, r.pattern.dead, err)
		}
	}
	for _, text := range []string{"a", "*", "**", "**/", "/**/a", `\\`, "[[:alpha:]]", "]", "[]]", "!a", "a/", " "} {
		if r, err := Exclude(text); err != nil || r.pattern.dead {
			t.Errorf("%q: dead is %v, %v", text, r.pattern.dead, err)
		}
	}
}

func TestRuleLimits(t *testing.T) {
	long := strings.Repeat("x", maxPattern)
	if _, err := Exclude(long); err != nil {
		t.Error(err)
	}
	for _, text := range []string{long + "x", "a\x00b"} {
		if _, err := Exclude(text); err == nil || !strings.Contains(err.Error(), "--exclude") {
			t.Errorf("a pattern of %d bytes: %v", len(text), err)
		}
		if _, err := Include(text); err == nil || !strings.Contains(err.Error(), "--include") {
			t.Errorf("a pattern of %d bytes: %v", len(text), err)
		}
	}

	broken := errors.New("broken")
	for _, c := range []struct {
		text, where string
	}{
		{"ok\n\n" + long + "x\n", "line 3 of rules.txt"},
		{"ok\na\x00b\n", "line 2 of rules.txt"},
		{"#" + strings.Repeat("x", maxBytes), "rules.txt"},
		{strings.Repeat("a\n", maxRules+1), fmt.Sprintf("line %d of rules.txt", maxRules+1)},
	} {
		if _, err := Read(strings.NewReader(c.text), "rules.txt"); err == nil || !strings.Contains(err.Error(), c.where) {
			t.Errorf("%.20q: %v", c.text, err)
		}
	}
	if _, err := Read(iotest.ErrReader(broken), "rules.txt"); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
	if rules := readRules(t, "#"+long+"\n"+long, "rules.txt"); len(rules) != 1 {
		t.Errorf("a long comment and the longest pattern are %d rules", len(rules))
	}
}

// TestLimits: neither one list nor rule files below each other can make a
// filter grow without end.
func TestLimits(t *testing.T) {
	many := readRules(t, strings.Repeat("a\n", maxRules), "many")
	f := newList(t, many)
	if _, err := f.enter("d", many[:1]); err == nil {
		t.Error("one rule more than maxRules is taken")
	}
	if _, err := New(append(many, many[0])); err == nil {
		t.Error("one rule more than maxRules is taken")
	}
	large := readRules(t, strings.Repeat(strings.Repeat("x", maxPattern)+"\n", maxBytes/maxPattern-1), "large")
	f = newList(t, large)
	if f, err := f.enter("d", large[:1]); err != nil {
		t.Error(err)
	} else if _, err := f.enter("d/d", large[:1]); err == nil {
		t.Error("more than maxBytes are taken")
	}
}

// TestHostile would not end if each * doubled the work.
func TestHostile(t *testing.T) {
	const maxPath = 32 << 10 // bytes, as in package tree
	long := strings.Repeat("a", maxPath)
	deep := strings.Repeat("a/", maxPath/2-1) + "a"
	for _, c := range []struct{ pattern, path string }{
		{strings.Repeat("*a", 100) + "b", long},
		{"/" + strings.Repeat("*a", 100) + "b", long},
		{"x/" + strings.Repeat("*?", 100) + "b", "x/" + long[2:]},
		{strings.Repeat("**/a/", 100) + "b", deep},
		{strings.Repeat("**/*a/", 100) + "b", deep},
		{strings.Repeat("**/[a]*/*/", 100) + "b", deep},
		{strings.Repeat(`**\/a/`, 100) + "b", deep},
		{strings.Repeat("*/", 1000) + "**/b", deep},
		{strings.Repeat("*[!b]", 500) + "b", long},
	} {
		f := newList(t, flagRules(t, "-"+c.pattern))
		if excluded, _ := f.Match(c.path, false); excluded {
			t.Errorf("%.30q matches", c.pattern)
		}
		if excluded, _ := f.Match(c.path+"b", false); !excluded && !strings.Contains(c.pattern, "/b") {
			t.Errorf("%.30q does not match with a b at the end", c.pattern)
		}
	}
}

func TestConcurrent(t *testing.T) {
	f := newList(t, benchRules(t, "mixed", 100))
	paths := benchPaths(1000)
	var want []bool
	for _, p := range paths {
		excluded, _ := f.Match(p, false)
		want = append(want, excluded)
	}
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			inner, err := f.enter(fmt.Sprintf("d%d", i), flagRules(t, "-x"))
			if err != nil {
				t.Error(err)
				return
			}
			for n, p := range paths {
				if excluded, _ := inner.Match(p, false); excluded != want[n] {
					t.Errorf("%q: excluded is %v in another goroutine", p, excluded)
				}
			}
		})
	}
	wait.Wait()
}

func TestEnterReadsAFile(t *testing.T) {
	given := newList(t, flagRules(t, "-*.key"))
	inner, err := given.Enter("sub", strings.NewReader("# c\n/here\n"), "sub/"+IgnoreFile)
	if err != nil {
		t.Fatal(err)
	}
	if excluded, by := inner.Match("sub/here", false); !excluded || by.String() != "/here (line 2 of sub/"+IgnoreFile+")" {
		t.Errorf("excluded is %v, by %v", excluded, by)
	}
	if excluded, _ := given.Match("sub/here", false); excluded {
		t.Error("the outer list has the rule too")
	}
	if same, err := given.Enter("sub", strings.NewReader("# nothing\n"), "f"); err != nil || same != given {
		t.Errorf("a file without rules changes the list: %v", err)
	}
	broken := errors.New("broken")
	if _, err := given.Enter("sub", iotest.ErrReader(broken), "f"); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
	// git would take these, and what they were to keep back would be sent.
	for _, text := range []string{"ok\na[\n", "ok\n./a\n", "ok\na//b\n", "ok\n!../a\n"} {
		if _, err := given.Enter("sub", strings.NewReader(text), "rules.txt"); err == nil || !strings.Contains(err.Error(), "line 2 of rules.txt") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
