package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/filter"
	"ferry/transfer/tree/treetest"
)

func listText(t *testing.T, text string) *List {
	t.Helper()
	l, err := ReadList(strings.NewReader(text), "list", false)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A walk takes what is listed and what is in it, makes the folders above, and
// reports by name what is not there.
func TestWalkObeysList(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		dir, paths := grow(t, rnd, nil)
		exists := make(map[string]bool)
		for _, p := range paths {
			exists[strings.TrimSuffix(p, "/")] = true
		}
		var list []string
		for range rnd.IntN(8) {
			p := strings.TrimSuffix(paths[rnd.IntN(len(paths))], "/")
			switch rnd.IntN(4) {
			case 0:
				p += "/none"
			case 1:
				p += "/none/a"
			case 2:
				p = "./" + p + "//"
			}
			list = append(list, p)
		}
		clean := slices.Clone(list)
		for i, p := range clean {
			clean[i] = strings.TrimSuffix(strings.TrimPrefix(p, "./"), "//")
		}
		var want, missing []string
		for _, p := range paths {
			path, isFolder := strings.CutSuffix(p, "/")
			if slices.ContainsFunc(clean, func(l string) bool {
				return l == path || strings.HasPrefix(path, l+"/") || isFolder && strings.HasPrefix(l, p)
			}) {
				want = append(want, p)
			}
		}
		for _, l := range clean {
			if !exists[l] && !slices.Contains(missing, l) {
				missing = append(missing, l)
			}
		}
		taken, excluded, problems := choose(t, dir, Selection{List: listText(t, strings.Join(list, "\n"))})
		what := fmt.Sprintf("seed %d, list %q, ", seed, list)
		same(t, what+"taken", taken, want)
		same(t, what+"excluded", excluded, nil)
		for i, p := range problems {
			problems[i], _, _ = strings.Cut(p, ": ")
		}
		slices.Sort(problems)
		slices.Sort(missing)
		same(t, what+"problems", problems, missing)
	}
}

func TestListAndRules(t *testing.T) {
	dir := mkdir(t, t.TempDir())
	mkdir(t, dir, "d", "e")
	mkdir(t, dir, "d", "no")
	for _, p := range []string{"d/e/f", "d/e/g", "d/no/x", "top"} {
		file(t, "", dir, p)
	}
	file(t, "g\n", dir, "d", filter.IgnoreFile)
	taken, excluded, problems := choose(t, dir, Selection{
		List:       listText(t, "d/e/g\nd/e/f\nd/no/x\nd/e/gone\nd/no/gone\ntop/x\n.ferry-partial/a\n"),
		Rules:      rulesOf(t, "no/"),
		IgnoreFile: filter.IgnoreFile,
	})
	same(t, "taken", taken, []string{"d/", "d/e/", "d/e/f"})
	same(t, "excluded", excluded, []string{"d/e/g: g (line 1 of d/.ferryignore)", "d/no: no/ (--exclude)"})
	same(t, "problems", problems, []string{"d/e/gone: " + fs.ErrNotExist.Error(), "top/x: " + errNotFolder.Error()})
	// A list says what is in a folder, so its source is one.
	items, problems := walk(t, Walk{Sources: []Source{{Path: dir + "/top", Name: "top"}}, Select: Selection{List: listText(t, "x")}})
	if len(items) != 0 || len(problems) != 1 || !strings.HasSuffix(problems[0], errNotFolder.Error()) {
		t.Errorf("a file as the source: %d items, problems %q", len(items), problems)
	}
}

// A listed path through a link leads out of the folder, unless links are followed.
func TestListDoesNotFollowLinks(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	dir, out := t.TempDir(), t.TempDir()
	file(t, "", out, "f")
	if err := os.Symlink(out, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	s := Selection{List: listText(t, "link/f")}
	taken, _, problems := choose(t, dir, s)
	same(t, "taken", taken, nil)
	same(t, "problems", problems, []string{"link/f: " + errNotFolder.Error()})
	items, problems := walk(t, Walk{Sources: []Source{{Path: dir, Contents: true}}, Follow: true, Select: s})
	same(t, "followed", outline(t, items), []string{"root ", "folder link", "file link/f", "end link", "end "})
	same(t, "problems", problems, nil)
}

func TestReadListRefuses(t *testing.T) {
	for text, want := range map[string]error{"ok\n/etc/passwd\n": ErrName, "ok\na/../../b\n": ErrName, strings.Repeat("a/", MaxDepth+1) + "b": ErrTooDeep} {
		if _, err := ReadList(strings.NewReader(text), "names.txt", false); !errors.Is(err, want) || !strings.Contains(err.Error(), "names.txt") {
			t.Errorf("%.20q: %v, want %v", text, err, want)
		}
	}
	many := io.LimitReader(repeated("a\n"), 2*(maxListPaths+1))
	if _, err := ReadList(many, "l", false); err == nil || !strings.Contains(err.Error(), "paths") {
		t.Errorf("%d paths: %v", maxListPaths+1, err)
	}
}

// repeated is a text without end.
type repeated string

func (r repeated) Read(p []byte) (int, error) {
	n := 0
	for n+len(r) <= len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}
