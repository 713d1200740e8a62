package filter

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// naiveMatch says whether a pattern without ! matches a path: straight from
// gitignore(5), by trying every way, without index or compilation.
func naiveMatch(pattern, path string, isFolder bool) bool {
	pattern, folderOnly := strings.CutSuffix(pattern, "/")
	if folderOnly && !isFolder {
		return false
	}
	if !strings.Contains(pattern, "/") {
		return pattern != "" && naiveGlob(pattern, path[strings.LastIndexByte(path, '/')+1:], false, true)
	}
	pattern = strings.TrimPrefix(pattern, "/")
	for pattern != "" && !strings.ContainsAny(pattern[:1], `*?[\`) {
		if path == "" || pattern[0] != path[0] {
			return false
		}
		pattern, path = pattern[1:], path[1:]
	}
	return naiveGlob(pattern, path, true, true)
}

// naiveGlob matches by trying every way. first: the glob is at its start or after
// a slash, where ** crosses slashes if forPath.
func naiveGlob(glob, s string, forPath, first bool) bool {
	if glob == "" {
		return s == ""
	}
	switch glob[0] {
	case '*':
		rest := strings.TrimLeft(glob, "*")
		wide := forPath && first && len(glob)-len(rest) > 1 &&
			(rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`))
		if wide && rest != "" && rest[0] == '/' && naiveGlob(rest[1:], s, forPath, true) {
			return true
		}
		for i := 0; ; i++ {
			if naiveGlob(rest, s[i:], forPath, false) {
				return true
			}
			if i == len(s) || s[i] == '/' && !wide {
				return false
			}
		}
	case '?':
		return s != "" && s[0] != '/' && naiveGlob(glob[1:], s[1:], forPath, false)
	case '[':
		if s == "" {
			return false
		}
		in, rest, ok := naiveSet(glob[1:], s[0])
		return ok && in && s[0] != '/' && naiveGlob(rest, s[1:], forPath, false)
	case '\\':
		if glob = glob[1:]; glob == "" {
			return false
		}
	}
	return s != "" && glob[0] == s[0] && naiveGlob(glob[1:], s[1:], forPath, glob[0] == '/')
}

// naiveSet says whether c is in the set that follows a [, and what follows the set.
func naiveSet(glob string, c byte) (in bool, rest string, ok bool) {
	negated := glob != "" && (glob[0] == '!' || glob[0] == '^')
	if negated {
		glob = glob[1:]
	}
	before := -1
	for first := true; glob != ""; first = false {
		if glob[0] == ']' && !first {
			return in != negated, glob[1:], true
		}
		if name, after, ok := strings.Cut(strings.TrimPrefix(glob, "[:"), "]"); ok && strings.HasPrefix(glob, "[:") && strings.HasSuffix(name, ":") {
			member, known := naiveClass[strings.TrimSuffix(name, ":")]
			if !known {
				return false, "", false
			}
			in = in || strings.IndexByte(member, c) >= 0
			glob, before = after, -1
			continue
		}
		isRange := glob[0] == '-' && before >= 0 && len(glob) > 1 && glob[1] != ']'
		if isRange {
			glob = glob[1:]
		}
		if glob[0] == '\\' {
			if glob = glob[1:]; glob == "" {
				return false, "", false
			}
		}
		if isRange {
			in = in || before <= int(c) && c <= glob[0]
			before = -1
		} else {
			in = in || c == glob[0]
			before = int(glob[0])
		}
		glob = glob[1:]
	}
	return false, "", false
}

// All of them are compared with git, byte by byte, elsewhere.
var naiveClass = map[string]string{
	"digit": "0123456789",
	"blank": " \t",
	"lower": "abcdefghijklmnopqrstuvwxyz",
}

func checkNaive(t *testing.T, pattern, path string, isFolder bool) {
	t.Helper()
	r, err := Exclude(pattern)
	if err != nil {
		t.Fatal(err)
	}
	excluded, _ := newList(t, []Rule{r}).Match(path, isFolder)
	if want := naiveMatch(pattern, path, isFolder); excluded != want {
		t.Errorf("%q matches %q (folder: %v): %v, want %v", pattern, path, isFolder, excluded, want)
	}
	if excluded && r.pattern.dead {
		t.Errorf("%q matches %q and is dead", pattern, path)
	}
}

func FuzzPattern(f *testing.F) {
	for _, c := range cases {
		pattern, _, _ := strings.Cut(c.rules, "\n")
		f.Add(pattern, strings.TrimSuffix(c.path, "/"), strings.HasSuffix(c.path, "/"))
	}
	f.Fuzz(func(t *testing.T, pattern, path string, isFolder bool) {
		// What trying every way can take; and what Match does not promise to take.
		if len(pattern) > 24 || len(path) > 24 || strings.HasPrefix(pattern, "!") ||
			strings.ContainsRune(pattern+path, 0) || strings.Contains("/"+path+"/", "//") {
			return
		}
		for _, class := range []string{"alnum", "alpha", "cntrl", "graph", "print", "punct", "space", "upper", "xdigit"} {
			if strings.Contains(pattern, ":"+class+":") {
				return
			}
		}
		checkNaive(t, pattern, path, isFolder)
	})
}

// TestPatternNaive is the same for generated patterns of few bytes, where stars
// meet each other and slashes often.
func TestPatternNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "b", "a", "/", "/", "*", "*", "**", "**/", "/**/", "?", "[ab]", "[!a]", `\/`, `\a`}
	for range 100_000 {
		pattern := randomText(r, pieces, 7)
		path := strings.Trim(randomText(r, []string{"a", "b", "a/", "b/", "aab"}, 7), "/")
		checkNaive(t, pattern, path, r.IntN(2) == 0)
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range cases {
		f.Add(c.rules)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := Read(strings.NewReader(text), "file")
		if err != nil {
			return
		}
		last := 0
		for i := range rules {
			if r := &rules[i]; r.line <= last || r.text == "" || strings.ContainsAny(r.text, "\n\x00") || r.text[0] == '#' {
				t.Errorf("rule %d of %q is %q in line %d", i, text, r.text, r.line)
			}
			last = rules[i].line
		}
		newList(t, rules).MatchPath("a/b c/d.e", false)
	})
}
