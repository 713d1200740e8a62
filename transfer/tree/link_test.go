package tree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/tree/treetest"
)

func TestCheckTarget(t *testing.T) {
	for _, s := range []string{"a", "/", "../..", "\n", "\xff", strings.Repeat("x", 4095)} {
		if err := CheckTarget(s); err != nil {
			t.Errorf("CheckTarget(%.20q) = %v", s, err)
		}
	}
	for _, s := range []string{"", "a\x00", strings.Repeat("x", 4096)} {
		if err := CheckTarget(s); !errors.Is(err, ErrName) {
			t.Errorf("CheckTarget(%.20q) = %v", s, err)
		}
	}
}

// escapes tells whether a link to target in the folder parent leads out of the tree.
func escapes(parent, target string) bool {
	above := 0
	if parent != "" {
		above = strings.Count(parent, "/") + 1
	}
	return TargetClimbs(target) > above
}

func TestTargetClimbs(t *testing.T) {
	cases := []struct {
		parent, target string
		want           bool
	}{
		{"", "a", false}, {"", ".", false}, {"", "a/b", false}, {"", "", false}, {"", "...", false}, {"", "..a", false},
		{"", "..", true}, {"", "../x", true}, {"", "/", true}, {"", "/etc/passwd", true}, {"", "./..", true}, {"", ".//../x", true},
		{"a", "..", false}, {"a", "../", false}, {"a", "../b", false}, {"a", "../..", true}, {"a", "..//..", true},
		{"a/b", "../..", false}, {"a/b", "../../c/d", false}, {"a/b", "../../..", true},
		{"", "a/..", true}, {"", "a/../b", true}, {"a/b", "../c/..", true},
	}
	for _, c := range cases {
		if got := escapes(c.parent, c.target); got != c.want {
			t.Errorf("a link in %q to %q escapes: %v", c.parent, c.target, got)
		}
	}
}

// Links that are not said to escape do not, whatever other such links they go
// through: the file system is asked.
func TestTargetClimbsProperty(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "c", "l0", "l1", "l2", "l3", "..", "..", ".", ""}
	resolved := 0
	for round := range 300 {
		tree := filepath.Join(top, fmt.Sprint(round), "tree")
		folders := []string{"", "a", "a/b", "a/b/c", "b", "b/c", "c"}
		for _, f := range folders {
			if err := os.MkdirAll(filepath.Join(tree, f), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		var links []string
		for i := range 4 {
			for _, f := range folders {
				var target []string
				for range 1 + rnd.IntN(5) {
					target = append(target, parts[rnd.IntN(len(parts))])
				}
				to := strings.Join(target, "/")
				if to == "" || escapes(f, to) {
					continue
				}
				link := filepath.Join(tree, f, fmt.Sprintf("l%d", i))
				if err := os.Symlink(to, link); err != nil {
					t.Fatal(err)
				}
				links = append(links, link)
			}
		}
		for _, link := range links {
			end, err := filepath.EvalSymlinks(link)
			if err != nil {
				continue // dangling, or a loop
			}
			resolved++
			if end != tree && !strings.HasPrefix(end, tree+"/") {
				to, _ := os.Readlink(link)
				t.Fatalf("%s -> %s leads to %s", link, to, end)
			}
		}
	}
	if resolved < 500 {
		t.Errorf("only %d links led anywhere", resolved)
	}
}
