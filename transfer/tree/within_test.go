package tree

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ferry/transfer/tree/treetest"
)

// walked is what a walk of one source within root emits, as paths of the items, and the
// problems.
func walked(t *testing.T, s Source) (names []string, problems []error) {
	t.Helper()
	dirs := NewDirs(8)
	defer dirs.Close()
	w := Walk{Sources: []Source{s}, Dirs: dirs, Problem: func(_ string, err error) { problems = append(problems, err) }}
	err := w.Run(t.Context(), func(it *Item) error {
		if it.Kind != FolderEnd {
			names = append(names, it.Display)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, problems
}

// A source within a folder is found there, whatever it is called.
func TestWithin(t *testing.T) {
	root := t.TempDir()
	pub := filepath.Join(root, "in", "pub")
	if err := errors.Join(os.MkdirAll(pub, 0o755), os.WriteFile(filepath.Join(pub, "f"), []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s    Source
		want []string
	}{
		{Source{Path: "pub/f", Name: "f", Within: &Within{root, "in/pub/f"}}, []string{"pub/f"}},
		{Source{Path: "pub", Name: "pub", Within: &Within{root, "in/pub"}}, []string{"pub", "pub/f"}},
		{Source{Path: "pub/", Contents: true, Within: &Within{root, "in/pub"}}, []string{"pub/", "pub/f"}},
		{Source{Path: "./", Contents: true, Within: &Within{root, "."}}, []string{"./", "./in", "./in/pub", "./in/pub/f"}},
	} {
		names, problems := walked(t, c.s)
		if !slices.Equal(names, c.want) || len(problems) > 0 {
			t.Errorf("%q: %q, %v", c.s.Path, names, problems)
		}
		dirs := NewDirs(8)
		w := Walk{Dirs: dirs}
		if kind, _, err := w.Look(&c.s); err != nil || kind == 0 {
			t.Errorf("%q looks as %v, %v", c.s.Path, kind, err)
		}
		dirs.Close()
	}
}

// No link on the way is followed, and nothing but files, folders and links is sent.
func TestWithinFollowsNothing(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	root, outside := t.TempDir(), t.TempDir()
	err := errors.Join(os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o644), os.Symlink(outside, filepath.Join(root, "link")),
		os.Symlink("link", filepath.Join(root, "again")), os.Mkdir(filepath.Join(root, PartialName), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"link/secret", "again/secret", "../" + filepath.Base(outside) + "/secret", "/etc/passwd", "a//b", "", "..", "link/..", PartialName, PartialName + "/x"} {
		for _, contents := range []bool{false, true} {
			s := Source{Path: "x", Name: "x", Contents: contents, Within: &Within{root, path}}
			if names, problems := walked(t, s); len(names) > 0 || len(problems) != 1 {
				t.Errorf("%q (contents %v): %q, %v", path, contents, names, problems)
			}
		}
	}
	// The link itself is an item like others.
	if names, problems := walked(t, Source{Path: "link", Name: "link", Within: &Within{root, "link"}}); len(names) != 1 || len(problems) > 0 {
		t.Errorf("%q, %v", names, problems)
	}
	if names, _ := walked(t, Source{Path: "link/", Contents: true, Within: &Within{root, "link"}}); len(names) > 0 {
		t.Errorf("a link was taken for its folder: %q", names)
	}
}
