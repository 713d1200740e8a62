package filter

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// gitTree is an empty repository whose rule files and items git is asked about.
type gitTree struct {
	dir   string
	paths []string // with a slash at the end of folders
}

func newGitTree(t *testing.T) *gitTree {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system that keeps names as they are")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git to compare with")
	}
	g := &gitTree{dir: t.TempDir()}
	g.git(t, nil, "init", "--quiet")
	return g
}

// git runs git without any configuration of this machine.
func (g *gitTree) git(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = g.dir
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+filepath.Join(g.dir, "none"),
		"XDG_CONFIG_HOME="+g.dir, "HOME="+g.dir, "GIT_CEILING_DIRECTORIES="+filepath.Dir(g.dir), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	// check-ignore ends with 1 if no path matches.
	if exit, ok := err.(*exec.ExitError); err != nil && !(ok && exit.ExitCode() == 1) {
		t.Fatalf("git %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

func (g *gitTree) write(t *testing.T, path, text string) {
	t.Helper()
	full := g.dir + "/" + path
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// add makes an item to ask about, unless another one is in its way.
func (g *gitTree) add(path string) {
	full := g.dir + "/" + path
	parent := full
	if !strings.HasSuffix(full, "/") {
		parent = full[:strings.LastIndexByte(full, '/')]
	}
	if os.MkdirAll(parent, 0o700) != nil {
		return
	}
	if parent == full || os.WriteFile(full, nil, 0o600) == nil {
		g.paths = append(g.paths, path)
	}
}

// ask returns "FILE:LINE" of the rule that decides, for each path; ":0" for none.
func (g *gitTree) ask(t *testing.T) map[string]string {
	t.Helper()
	var in bytes.Buffer
	for _, p := range g.paths {
		in.WriteString(strings.TrimSuffix(p, "/") + "\x00")
	}
	out := g.git(t, in.Bytes(), "-c", "core.ignoreCase=false", "check-ignore", "--no-index", "--verbose", "--non-matching", "--stdin", "-z")
	fields := strings.Split(string(out), "\x00")
	answers := make(map[string]string)
	for ; len(fields) >= 4; fields = fields[4:] {
		line, err := strconv.Atoi("0" + fields[1])
		if err != nil {
			t.Fatal(err)
		}
		answers[fields[3]] = fmt.Sprintf("%s:%d", fields[0], line)
	}
	return answers
}

func TestAsGit(t *testing.T) {
	g := newGitTree(t)
	want := make(map[string]gitCase)
	for i, c := range cases {
		dir := fmt.Sprintf("c%d/", i)
		g.write(t, dir+".gitignore", c.rules)
		g.add(dir + c.path)
		want[dir+strings.TrimSuffix(c.path, "/")] = c
	}
	answers := g.ask(t)
	if len(answers) != len(cases) {
		t.Fatalf("git answered for %d of %d", len(answers), len(cases))
	}
	for path, answer := range answers {
		if c := want[path]; !strings.HasSuffix(answer, fmt.Sprintf(":%d", c.line)) {
			t.Errorf("%q: for git %q is decided by %s, the table says %d", c.rules, c.path, answer, c.line)
		}
	}
}

func TestClassesAsGit(t *testing.T) {
	g := newGitTree(t)
	rules := make(map[string]string)
	for _, class := range []string{"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit", "word", ""} {
		dir := "c" + class
		rules[dir] = "x[[:" + class + ":]]\n"
		g.write(t, dir+"/.gitignore", rules[dir])
		for c := 1; c < 256; c++ {
			if c != '/' {
				g.add(dir + "/x" + string([]byte{byte(c)}))
			}
		}
	}
	for path, answer := range g.ask(t) {
		dir, name, _ := strings.Cut(path, "/")
		if got := decidingLine(t, rules[dir], name); !strings.HasSuffix(answer, fmt.Sprintf(":%d", got)) {
			t.Errorf("%q: %q is decided by line %d, git says %s", rules[dir], name, got, answer)
		}
	}
}

var (
	patternPieces = []string{
		"a", "b", "ab", "foo", "bar", ".c", "a", "b", "/", "/", "/", "*", "*", "*", "**", "**/", "/**", "/**/", "?", "?",
		"[ab]", "[a-c]", "[!a]", "[^b/]", "[]a]", "[[:alpha:]]", "[![:digit:]]", "[[:x:]]", "[a", "[", "]", `[\]]`, "[a-", "-",
		`\`, `\a`, `\*`, `\/`, `\[`, `\ `, " ", "!", "#", `\!`, `\#`, "\t", "\r", ".", "A", "é", "\xff",
	}
	namePieces = []string{"a", "b", "ab", "foo", "bar", "a", "b", ".c", "a", "b", "*", "[", "]", "-", `\`, " ", "!", "#", "A", "é", "\xff", "."}
)

func randomText(r *rand.Rand, pieces []string, most int) string {
	var s strings.Builder
	for range 1 + r.IntN(most) {
		s.WriteString(pieces[r.IntN(len(pieces))])
	}
	return s.String()
}

// randomRules returns a rule file. Half of its patterns are made from one of the
// paths, so that they match something.
func randomRules(r *rand.Rand, paths []string) string {
	var s strings.Builder
	for range 1 + r.IntN(4) {
		if r.IntN(4) == 0 {
			s.WriteByte('!')
		}
		if r.IntN(2) == 0 {
			s.WriteString(randomText(r, patternPieces, 5))
		} else {
			s.WriteString(blur(r, paths[r.IntN(len(paths))]))
		}
		if r.IntN(6) == 0 {
			s.WriteByte('/')
		}
		s.WriteByte('\n')
	}
	return s.String()
}

// blur makes a pattern of a path: components and bytes give way to wildcards.
func blur(r *rand.Rand, path string) string {
	parts := strings.Split(path, "/")
	parts = parts[r.IntN(len(parts)):]
	for i, part := range parts {
		switch r.IntN(6) {
		case 0:
			parts[i] = "**"
			continue
		case 1:
			parts[i] = "*"
			continue
		}
		var s strings.Builder
		for _, c := range []byte(part) {
			switch r.IntN(14) {
			case 0:
				s.WriteByte('?')
			case 1:
				s.WriteByte('*')
			case 2:
				s.WriteString("**")
			case 3:
				s.WriteString("[" + string([]byte{c}) + "]")
			case 4:
				s.WriteString("[!" + string([]byte{c}) + "]")
			case 5:
				s.WriteString(`\` + string([]byte{c}))
			default:
				s.WriteByte(c)
			}
		}
		parts[i] = s.String()
	}
	if r.IntN(4) == 0 {
		parts = append([]string{""}, parts...)
	}
	return strings.Join(parts, "/")
}

func randomPath(r *rand.Rand) string {
	var parts []string
	for range 1 + r.IntN(4) {
		name := randomText(r, namePieces, 2)
		if name == "." || name == ".." {
			name = "a"
		}
		parts = append(parts, name)
	}
	path := strings.Join(parts, "/")
	if r.IntN(3) == 0 {
		path += "/"
	}
	return path
}

// TestAsGitRandom compares rule files at two levels with git, by the rule
// that decides. FERRY_FILTER_SEED=N compares others, and more of them.
func TestAsGitRandom(t *testing.T) {
	sets, seed := 60, uint64(1)
	if s := os.Getenv("FERRY_FILTER_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sets, seed = 1000, n
	}
	g := newGitTree(t)
	r := rand.New(rand.NewPCG(seed, 0))
	files := make(map[string]string) // rules by path of their file
	for i := range sets {
		dir := fmt.Sprintf("s%d/", i)
		var paths []string
		for range 50 {
			paths = append(paths, randomPath(r))
			g.add(dir + paths[len(paths)-1])
		}
		for _, sub := range []string{"", "a/", "b/a/"} {
			if info, err := os.Stat(g.dir + "/" + dir + sub); err == nil && info.IsDir() && (sub == "" || r.IntN(3) == 0) {
				files[dir+sub+".gitignore"] = randomRules(r, paths)
				g.write(t, dir+sub+".gitignore", files[dir+sub+".gitignore"])
			}
		}
	}
	answers := g.ask(t)
	matched := 0
	for _, path := range g.paths {
		clean, isFolder := strings.CutSuffix(path, "/")
		f := nestedList(t, files, clean)
		_, stringer := f.MatchPath(clean, isFolder)
		got := ":0"
		if by := ruleOf(stringer); by != nil {
			got = fmt.Sprintf("%s:%d", by.origin, by.line)
			matched++
		}
		if got != answers[clean] {
			t.Errorf("seed %d: %q is decided by %q, git says %q", seed, path, got, answers[clean])
			for _, from := range []string{got, answers[clean]} {
				if name, _, _ := strings.Cut(from, ":"); name != "" {
					t.Logf("%s: %q", name, files[name])
				}
			}
		}
	}
	t.Logf("%d paths, %d with a rule", len(g.paths), matched)
	if len(g.paths) < 20*sets || matched < len(g.paths)/10 || matched > len(g.paths)*9/10 {
		t.Errorf("of %d paths %d have a rule: that compares too little", len(g.paths), matched)
	}
}

// nestedList enters the rule files of all folders above path.
func nestedList(t *testing.T, files map[string]string, path string) *List {
	t.Helper()
	var f *List
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		name := path[:i+1] + ".gitignore"
		rules, err := Read(strings.NewReader(files[name]), name)
		if err != nil {
			t.Fatal(err)
		}
		if f, err = f.enter(path[:i], rules); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
