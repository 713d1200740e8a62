package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	pathpkg "path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/filter"
	"ferry/transfer/tree/treetest"
)

// choose walks the folder dir with s and returns the paths in it that are taken, with a
// slash at the end of folders, what was excluded, with its reason, and the problems.
func choose(t *testing.T, dir string, s Selection) (taken, excluded, problems []string) {
	t.Helper()
	below := func(display string) string { return strings.TrimPrefix(display, dir+"/") }
	items, problems := walk(t, Walk{
		Sources: []Source{{Path: dir, Contents: true}}, Select: s,
		Excluded: func(display string, why *Exclusion) {
			excluded = append(excluded, fmt.Sprintf("%s: %s", below(display), strings.ReplaceAll(why.String(), dir+"/", "")))
		},
	})
	outline(t, items) // ids, parents and nesting
	for _, it := range items[1 : len(items)-1] {
		switch it.Kind {
		case Folder:
			taken = append(taken, below(it.Display)+"/")
		case FolderEnd:
		default:
			taken = append(taken, below(it.Display))
		}
	}
	for i := range problems {
		problems[i] = below(problems[i])
	}
	return taken, excluded, problems
}

func listOf(t *testing.T, patterns ...string) *filter.List {
	t.Helper()
	var rules []filter.Rule
	for _, p := range patterns {
		r, err := filter.Exclude(p)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	l, err := filter.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func rulesOf(t *testing.T, patterns ...string) Rules {
	t.Helper()
	return RulesOf(listOf(t, patterns...))
}

// grow makes a random tree whose names are few, so that rules and lists hit, and
// returns the paths in it in the order of a walk, with a slash at the end of folders.
func grow(t *testing.T, rnd *rand.Rand, ignore []string) (dir string, paths []string) {
	t.Helper()
	dir = mkdir(t, t.TempDir(), "top")
	names := []string{"a", "b", "a.o", "a-", "keep", "x.log"}
	folders := []string{dir}
	for range 60 {
		path := folders[rnd.IntN(len(folders))] + "/" + names[rnd.IntN(len(names))]
		switch rnd.IntN(5) {
		case 0, 1:
			if os.Mkdir(path, 0o755) == nil {
				folders = append(folders, path)
			}
		case 2:
			_ = os.Symlink("a", path)
		default:
			_ = os.WriteFile(path, make([]byte, rnd.IntN(10)), 0o644)
		}
	}
	for range 4 {
		if ignore == nil {
			break
		}
		var text string
		for range 1 + rnd.IntN(3) {
			text += ignore[rnd.IntN(len(ignore))] + "\n"
		}
		file(t, text, folders[rnd.IntN(len(folders))], filter.IgnoreFile)
	}
	paths, _, problems := choose(t, dir, Selection{})
	same(t, "problems", problems, nil)
	return dir, paths
}

var someRules = []string{"a", "/a", "b/", "*.o", "!a.o", "!a", "x.log", "a/*", "**/b/a", "!keep", "keep/", "a/b", "*"}

// What a walk takes is what its filter says of each path by itself.
func TestWalkObeysFilter(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		dir, paths := grow(t, rnd, nil)
		var patterns []string
		for range 1 + rnd.IntN(4) {
			patterns = append(patterns, someRules[rnd.IntN(len(someRules)-1)])
		}
		f := listOf(t, patterns...)
		var want, wantOut []string
		for _, p := range paths {
			path, isFolder := strings.CutSuffix(p, "/")
			out, rule := f.MatchPath(path, isFolder)
			if !out {
				want = append(want, p)
			} else if above, _ := f.MatchPath(pathpkg.Dir(path), true); !above {
				wantOut = append(wantOut, path+": "+rule.String())
			}
		}
		taken, excluded, problems := choose(t, dir, Selection{Rules: RulesOf(f)})
		what := fmt.Sprintf("seed %d, rules %q, ", seed, patterns)
		same(t, what+"taken", taken, want)
		same(t, what+"excluded", excluded, wantOut)
		same(t, what+"problems", problems, nil)
	}
}

// git runs git in dir without any configuration of this machine.
func git(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+filepath.Join(dir, "none"),
		"XDG_CONFIG_HOME="+dir, "HOME="+dir, "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

// With rule files in folders a walk takes the files that git lists.
func TestWalkObeysIgnoreFilesAsGit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system that keeps names as they are")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git to compare with")
	}
	for seed := range uint64(30) {
		dir, _ := grow(t, rand.New(rand.NewPCG(seed, 2)), someRules)
		git(t, dir, "init", "--quiet")
		out := string(git(t, dir, "-c", "core.ignoreCase=false", "ls-files", "--others", "-z", "--exclude-per-directory="+filter.IgnoreFile))
		want := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
		if out == "" {
			want = nil
		}
		if err := os.RemoveAll(dir + "/.git"); err != nil {
			t.Fatal(err)
		}
		taken, _, problems := choose(t, dir, Selection{Rules: rulesOf(t), IgnoreFile: filter.IgnoreFile})
		taken = slices.DeleteFunc(taken, func(p string) bool { return strings.HasSuffix(p, "/") })
		slices.Sort(taken)
		slices.Sort(want)
		same(t, fmt.Sprintf("seed %d, files", seed), taken, want)
		same(t, "problems", problems, nil)
	}
}

func TestIgnoreFiles(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	mkdir(t, dir, "sub", "deep")
	mkdir(t, dir, "other")
	for _, p := range []string{"a.log", "sub/a.log", "sub/deep/a.log", "sub/deep/b", "other/b", "other/a.log"} {
		file(t, "", dir, p)
	}
	file(t, "*.log\n", dir, filter.IgnoreFile)
	file(t, "!a.log\n/deep/b\n", dir, "sub", filter.IgnoreFile)

	taken, excluded, _ := choose(t, dir, Selection{Rules: rulesOf(t), IgnoreFile: filter.IgnoreFile})
	same(t, "taken", taken, []string{".ferryignore", "other/", "other/b", "sub/", "sub/.ferryignore", "sub/a.log", "sub/deep/", "sub/deep/a.log"})
	same(t, "excluded", excluded, []string{
		"a.log: *.log (line 1 of .ferryignore)", "other/a.log: *.log (line 1 of .ferryignore)", "sub/deep/b: /deep/b (line 2 of sub/.ferryignore)"})

	taken, _, _ = choose(t, dir, Selection{})
	if !slices.Contains(taken, "a.log") {
		t.Error("rule files are obeyed though nobody asked for it")
	}
	// The rules given have the last word.
	taken, _, _ = choose(t, dir, Selection{IgnoreFile: filter.IgnoreFile, Rules: rulesOf(t, "!/a.log", "deep")})
	same(t, "taken", taken, []string{".ferryignore", "a.log", "other/", "other/b", "sub/", "sub/.ferryignore", "sub/a.log"})
}

// The limits of package filter, at one place.
const (
	maxRules     = 1 << 16
	maxRuleBytes = 4 << 20
)

// Without its rules it is not known what of a folder is to be kept back.
func TestNothingIsTakenWhereRulesCannotBeRead(t *testing.T) {
	for what, spoil := range map[string]func(path string) error{
		"link":     func(path string) error { return os.Symlink("ok", path) },
		"folder":   func(path string) error { return os.Mkdir(path, 0o755) },
		"too long": func(path string) error { return os.WriteFile(path, make([]byte, maxRuleBytes+1), 0o644) },
		"too many": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("x\n", maxRules)), 0o644)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := mkdir(t, t.TempDir())
			mkdir(t, dir, "sub", "deep")
			file(t, "", dir, "after")
			file(t, "one\n", dir, filter.IgnoreFile)
			file(t, "*\n", dir, "sub", "ok")
			if what == "link" {
				treetest.Needs(t, treetest.Links)
			}
			if err := spoil(filepath.Join(dir, "sub", filter.IgnoreFile)); err != nil {
				t.Fatal(err)
			}
			taken, _, problems := choose(t, dir, Selection{Rules: rulesOf(t), IgnoreFile: filter.IgnoreFile})
			same(t, "taken", taken, []string{".ferryignore", "after"})
			if len(problems) != 1 || !strings.HasPrefix(problems[0], "sub/.ferryignore: ") {
				t.Errorf("problems %q", problems)
			}
		})
	}
}

// The limit on rules is for one place: what a folder has is forgotten after it.
func TestRulesOfSiblingsDoNotAddUp(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	for i := range 3 {
		sub := mkdir(t, dir, fmt.Sprint(i))
		file(t, strings.Repeat("x\n", maxRules/2-1), sub, filter.IgnoreFile)
		file(t, "", sub, "x")
		file(t, "", sub, "y")
	}
	taken, _, problems := choose(t, dir, Selection{Rules: rulesOf(t), IgnoreFile: filter.IgnoreFile})
	same(t, "taken", taken, []string{"0/", "0/.ferryignore", "0/y", "1/", "1/.ferryignore", "1/y", "2/", "2/.ferryignore", "2/y"})
	same(t, "problems", problems, nil)
}

func TestWalkObeysSizes(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	mkdir(t, dir, "sub")
	for n := range 5 {
		file(t, strings.Repeat("x", n), dir, "sub", fmt.Sprint(n))
	}
	top := int64(3)
	s := Selection{Sizes: SizeRange{Min: 2, Max: &top}}
	taken, excluded, problems := choose(t, dir, s)
	same(t, "taken", taken, []string{"sub/", "sub/2", "sub/3"})
	same(t, "excluded", excluded, []string{"sub/0: --min-size", "sub/1: --min-size", "sub/4: --max-size"})
	same(t, "problems", problems, nil)
	// A named file is no exception.
	items, _ := walk(t, Walk{Sources: []Source{{Path: dir + "/sub/4", Name: "4"}, {Path: dir + "/sub/3", Name: "3"}}, Select: s})
	same(t, "named", outline(t, items), []string{"file 3"})
}

// A named file is matched by its name on disk, a named folder is always entered.
func TestFilterOfNamedSources(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	mkdir(t, dir, "d.log")
	file(t, "", dir, "a.log")
	file(t, "", dir, "b")
	file(t, "", dir, "d.log", "c.log")
	items, _ := walk(t, Walk{
		Sources: []Source{{Path: dir + "/a.log", Name: "renamed"}, {Path: dir + "/b", Name: "b.log"}, {Path: dir + "/d.log", Name: "d.log"}},
		Select:  Selection{Rules: rulesOf(t, "/*.log")},
	})
	same(t, "items", outline(t, items), []string{"file b.log", "folder d.log", "end d.log"})
}

func TestOneFileSystem(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("knows of a second file system on Linux only")
	}
	dir := mkdir(t, t.TempDir())
	other, err := os.MkdirTemp("/dev/shm", "ferry")
	if err != nil {
		t.Skip("no second file system: ", err)
	}
	defer os.RemoveAll(other)
	here, _ := statPath(dir, true)
	if there, err := statPath(other, true); err != nil || there.Dev == here.Dev {
		t.Skip("no second file system")
	}
	mkdir(t, dir, "sub")
	file(t, "", dir, "sub", "f")
	file(t, "", other, "g")
	if err := os.Symlink(other, dir+"/sub/mount"); err != nil {
		t.Fatal(err)
	}
	for _, one := range []bool{true, false} {
		var excluded []string
		items, problems := walk(t, Walk{
			// The second source is on the other file system as a whole.
			Sources: []Source{{Path: dir, Contents: true}, {Path: other, Name: "other"}}, Follow: true, Select: Selection{OneFileSystem: one},
			Excluded: func(display string, why *Exclusion) { excluded = append(excluded, display+": "+why.String()) },
		})
		want := []string{"root ", "folder sub", "file sub/f", "folder sub/mount", "file sub/mount/g", "end sub/mount", "end sub", "end ", "folder other", "file other/g", "end other"}
		var wantOut []string
		if one {
			want = slices.Delete(want, 3, 6)
			wantOut = []string{dir + "/sub/mount: " + FlagOneFileSystem.String()}
		}
		same(t, "items", outline(t, items), want)
		same(t, "excluded", excluded, wantOut)
		same(t, "problems", problems, nil)
	}
}

func TestSelectsNothing(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	mkdir(t, dir, "empty")
	mkdir(t, dir, "full", "sub")
	file(t, "12345", dir, "full", "sub", "f")
	file(t, "1", dir, "g")
	four := int64(4)
	for _, c := range []struct {
		what   string
		source string
		s      Selection
		want   bool
	}{
		{"all in it is left out", "full", Selection{Rules: rulesOf(t, "*")}, false},
		{"all of the contents is left out", "full/", Selection{Rules: rulesOf(t, "*")}, true},
		{"all of the contents but a folder", "full/", Selection{Rules: rulesOf(t, "f")}, false},
		{"contents of which nothing was there", "empty/", Selection{Rules: rulesOf(t, "*")}, false},
		{"a folder stays", "full", Selection{Rules: rulesOf(t, "f")}, false},
		{"nothing was there", "empty", Selection{Rules: rulesOf(t, "*")}, false},
		{"no selection", "full", Selection{}, false},
		{"a named file by name", "g", Selection{Rules: rulesOf(t, "g")}, true},
		{"a named file by size", "g", Selection{Sizes: SizeRange{Min: 2}}, true},
		{"a named file", "g", Selection{Sizes: SizeRange{Max: &four}}, false},
		{"a source that is missing", "gone", Selection{Rules: rulesOf(t, "*")}, false},
		{"a list of what is missing", "full", Selection{List: listText(t, "sub/x\ny\n")}, true},
		{"a list of what is below a file", "full", Selection{List: listText(t, "sub/f/x")}, true},
		{"an empty list", "full", Selection{List: listText(t, "")}, true},
		{"a list of what is there", "full", Selection{List: listText(t, "y\nsub/f\n")}, false},
		{"a list of what is left out", "full", Selection{List: listText(t, "sub/f\n"), Rules: rulesOf(t, "f")}, true},
		{"the source itself listed", "full", Selection{List: listText(t, ".\n")}, false},
	} {
		dirs := NewDirs(4)
		w := Walk{Sources: []Source{{Path: filepath.Join(dir, c.source), Name: "n", Contents: strings.HasSuffix(c.source, "/")}}, Dirs: dirs, Select: c.s}
		got, err := w.SelectsNothing(t.Context())
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", c.what, got, err, c.want)
		}
		if err := dirs.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSelectionWithoutObservers(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	file(t, "", dir, "a")
	dirs := NewDirs(4)
	defer dirs.Close()
	w := Walk{Sources: []Source{{Path: dir, Contents: true}}, Dirs: dirs, Select: Selection{Rules: rulesOf(t, "a"), List: listText(t, "a\nb")}}
	if err := w.Run(t.Context(), func(*Item) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first problem ends the walk with %v", err)
	}
}

func TestSizeRange(t *testing.T) {
	limit := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		r    SizeRange
		size int64
		want Flag
	}{
		{SizeRange{}, 0, ""}, {SizeRange{}, math.MaxInt64, ""},
		{SizeRange{Min: 10}, 9, "--min-size"}, {SizeRange{Min: 10}, 10, ""},
		{SizeRange{Max: limit(10)}, 10, ""}, {SizeRange{Max: limit(10)}, 11, "--max-size"},
		{SizeRange{Max: limit(0)}, 0, ""}, {SizeRange{Max: limit(0)}, 1, "--max-size"},
		{SizeRange{Min: 5, Max: limit(10)}, 4, "--min-size"}, {SizeRange{Min: 5, Max: limit(10)}, 11, "--max-size"},
	} {
		if got := c.r.Excludes(c.size); got != c.want {
			t.Errorf("%+v: %d is left out by %q, want %q", c.r, c.size, got, c.want)
		}
	}
}
