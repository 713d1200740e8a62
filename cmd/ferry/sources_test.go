package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/filter"
	"ferry/transfer/tree/treetest"
)

// lay makes files (and folders, whose names end in a slash) in a new folder,
// which becomes the current one.
func lay(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, n := range names {
		if err := os.MkdirAll(filepath.Dir(n), 0o777); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(n, "/") {
			continue
		}
		if err := os.WriteFile(n, []byte(n), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// The table of copy's names: what SRC... DEST means, with what is there.
func TestPlanCopy(t *testing.T) {
	for _, c := range []struct {
		args   string
		folder string
		names  string // of the sources; "/" for the contents of a folder
	}{
		{"f new", ".", "new"},
		{"f new/", "new/", "f"},
		{"f dir", "dir", "f"},
		{"f dir/", "dir/", "f"},
		{"f g", ".", "g"}, // an existing file is replaced
		{"f dir/h", "dir", "h"},
		{"f a/b/new", "a/b", "new"},
		{"f g dir", "dir", "f g"},
		{"f g new", "new", "f g"},
		{"src new", "new", "src"},
		{"src dir", "dir", "src"},
		{"src/ dir", "dir", "/"},
		{"src/ new", "new", "/"},
		{"src/. dir", "dir", "/"},
		{". ../elsewhere", "../elsewhere", "/"},
		{"dirlink dir", "dir", "dirlink"},
		{"src dir/other/ new", "new", "src /"},
		{"./f dir", "dir", "f"},
		{"src/f new", ".", "new"},
		{"link new", ".", "new"},
		{"dirlink new", ".", "new"}, // sent as the link that it is
		{"dirlink/ new", "new", "/"},
		{"f dirlink", "dirlink", "f"},
	} {
		lay(t, "f", "g", "dir/x", "dir/other/y", "src/f", "src/sub/f")
		symlink(t, "f", "link")
		symlink(t, "dir", "dirlink")
		list, at, err := planCopy(nil, strings.Fields(c.args), false, nil)
		if err != nil {
			t.Errorf("copy %s: %v", c.args, err)
			continue
		}
		var names []string
		for _, s := range list.sources {
			if s.Contents {
				names = append(names, "/")
			} else {
				names = append(names, s.Name)
			}
		}
		if got := strings.Join(names, " "); filepath.ToSlash(at.folder) != c.folder || got != c.names {
			t.Errorf("copy %s puts %s into %s, want %s into %s", c.args, got, at.folder, c.names, c.folder)
		}
	}
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	treetest.Needs(t, treetest.Links)
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestPlanCopyRefuses(t *testing.T) {
	lay(t, "f", "g", "dir/f", "src/f", "src/sub/f")
	for args, want := range map[string]string{
		"f":             "copy needs SRC... DEST",
		"nothing new":   "nothing to send: nothing:",
		"f src/f dir":   "f and src/f would both land as f",
		"f src/ dir":    "f and src/f would both land as f",
		"src/ dir/ new": "src/f and dir/f would both land as f",
		"src ./src dir": "src and ./src would both land as src",
		"f g f":         "f is no folder: only one file can be copied to it",
		"src f":         "f is no folder",
		"f g/":          "g/ is no folder",
		"f -":           "copy knows no standard input or output",
	} {
		_, _, err := planCopy(nil, strings.Fields(args), false, nil)
		var usage *usageError
		if !errors.As(err, &usage) || !strings.HasPrefix(usage.text, want) {
			t.Errorf("copy %s gives %v, want %q", args, err, want)
		}
	}
}

// What a rule leaves out neither collides nor holds the destination.
func TestPlanCopyWithRules(t *testing.T) {
	for _, c := range []struct{ args, rule, want string }{
		{"src/ dir/ new", "f", ""},
		{"src/ dir/ new", "sub", "src/f and dir/f would both land as f"},
		{"src/ dir/ new", "f/", "src/f and dir/f would both land as f"},
		{"src src/sub/new", "sub/", ""},
		{"src src/sub", "/sub", ""},
		{"src src/sub/new", "/new", "src/sub/new lies in src, which would be copied into itself"},
		{"src/ src", "*", "src lies in src/, which would be copied into itself"},
		{"src/ src", ".*", "src lies in src/, which would be copied into itself"},
	} {
		lay(t, "dir/f", "src/f", "src/sub/g")
		rule, err := filter.Exclude(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := filter.New([]filter.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		if _, _, err := planCopy(nil, strings.Fields(c.args), false, rules); err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("copy %s without %s: %q, want %q", c.args, c.rule, text, c.want)
		}
	}
}

func TestMissingSources(t *testing.T) {
	lay(t, "f", "g")
	var list sourceList
	for _, p := range []string{"f", "gone", "g", "g/x", "f/"} {
		if err := list.add("send", p, false, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := list.check("send", nil); err != nil {
		t.Fatal(err)
	}
	if len(list.sources) != 2 || len(list.missing) != 3 {
		t.Errorf("%d are there and %d are missing, want 2 and 3", len(list.sources), len(list.missing))
	}
}
