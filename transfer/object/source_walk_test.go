package object

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/tree"
)

// sourceAt is a Source of a store in this process, of which more is put into with put.
func sourceAt(t *testing.T, place string, o bucket.Options) *Source {
	t.Helper()
	b, err := bucket.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSource(t.Context(), b, place, SourceOptions{})
	t.Cleanup(func() { s.Close(); b.Close() })
	return s
}

// put puts objects, by their keys from the bucket on.
func putObjects(t *testing.T, o bucket.Options, meta map[string]string, keys ...string) {
	t.Helper()
	b, err := bucket.Open(t.Context(), "s3://"+objecttest.Name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, key := range keys {
		var body []byte
		if !strings.HasSuffix(key, "/") {
			body = []byte(key)
		}
		if _, err := b.Put(t.Context(), key, body, meta, bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
}

// walked is what a walk tells of sources: entries by their paths, and problems.
func walked(t *testing.T, sel tree.Selection, sources ...tree.Source) (lines []string, items []*tree.Item) {
	t.Helper()
	dirs := tree.NewDirs(8)
	defer dirs.Close()
	w := tree.Walk{Sources: sources, Dirs: dirs, Select: sel}
	paths := make(map[uint64]string)
	last := uint64(0)
	w.Problem = func(display string, err error) { lines = append(lines, "problem "+display+": "+err.Error()) }
	w.Excluded = func(display string, why *tree.Exclusion) { lines = append(lines, "without "+filepath.Base(display)) }
	err := w.Run(t.Context(), func(it *tree.Item) error {
		if it.Kind == tree.FolderEnd {
			lines = append(lines, "end "+paths[it.ID])
			return nil
		}
		if it.ID != last+1 {
			t.Errorf("%q has the number %d after %d", it.Display, it.ID, last)
		}
		last = it.ID
		paths[it.ID] = paths[it.Parent] + "/" + it.Name
		lines = append(lines, fmt.Sprintf("%v %s %d", it.Kind, paths[it.ID], it.Size))
		items = append(items, it)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, items
}

func sameLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s is\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// The order of a walk is that of a folder on disk that has the same files, however few keys
// may wait for it.
func TestSourceInTheOrderOfAWalk(t *testing.T) {
	names := []string{"a", "a-", "a-b", "a0", "a.b", "a b", "-", "!", "b", "é", "a+", "z.txt", ".a"}
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		_, o := objecttest.Fake(t)
		top := filepath.Join(t.TempDir(), "top")
		var keys []string
		for range 40 {
			path := ""
			for range 1 + rnd.IntN(3) {
				path += "/" + names[rnd.IntN(len(names))]
			}
			file := filepath.Join(top, path)
			if os.MkdirAll(filepath.Dir(file), 0o755) != nil {
				continue // a file stands there
			}
			if _, err := os.Stat(file); err == nil || os.WriteFile(file, []byte("deliveries/top" + path)[11:], 0o644) != nil {
				continue
			}
			keys = append(keys, "top"+path)
		}
		putObjects(t, o, nil, append(keys, "top0", "top-/x", "to")...)
		s := sourceAt(t, "s3://"+objecttest.Name+"/top", o)
		want, _ := walked(t, tree.Selection{}, tree.Source{Path: top, Name: "top"})
		for _, held := range []int{1, 2, 5, maxHeld} {
			s.held = held
			got, _ := walked(t, tree.Selection{}, s.Tree())
			sameLines(t, fmt.Sprintf("seed %d with %d held", seed, held), got, want)
		}
		// Of a part of it as well, with what it excludes.
		sel := tree.Selection{Rules: tree.RulesOf(rulesFor(t, "a-", "*.txt"))}
		want, _ = walked(t, sel, tree.Source{Path: top, Contents: true})
		s.held = 2
		from := s.Tree()
		from.Contents, from.Name = true, ""
		got, _ := walked(t, sel, from)
		sameLines(t, fmt.Sprintf("seed %d, selected", seed), toldFirst(got), toldFirst(want))
		list, err := tree.ReadList(strings.NewReader("a\na/b\nb/none\na-b\n"), "list", false)
		if err != nil {
			t.Fatal(err)
		}
		kinds := func(lines []string) (out []string) {
			for _, l := range lines {
				if what, rest, _ := strings.Cut(l, " "); what == "problem" {
					_, rest, _ = strings.Cut(filepath.ToSlash(rest), "/top/") // each calls the same cause otherwise
					rest, _, _ = strings.Cut(rest, ": ")
					l = "problem " + rest
				}
				out = append(out, l)
			}
			return out
		}
		want, _ = walked(t, tree.Selection{List: list}, tree.Source{Path: top, Contents: true})
		got, _ = walked(t, tree.Selection{List: list}, from)
		sameLines(t, fmt.Sprintf("seed %d, listed", seed), toldFirst(kinds(got)), toldFirst(kinds(want)))
	}
}

// Keys that have no place in a file system are told one by one, and cost the others nothing.
func TestSourceOfHostileKeys(t *testing.T) {
	_, o := objecttest.Fake(t)
	putObjects(t, o, nil, "p/ok", "p/a//b", "p/a//c", "p/a/d", "p/../x", "p/./y", "p/a/../z", "p//w", "p/both", "p/both/in", "p/both-", "p/empty/", "p/"+strings.Repeat("n", 300),
		"p/.ferry-partial/state", "p/sub/.ferry-partial/state")
	b, err := bucket.Open(t.Context(), "s3://"+objecttest.Name, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "p/heavy/", []byte("x"), nil, bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	b.Close()
	got, _ := walked(t, tree.Selection{}, sourceAt(t, "s3://"+objecttest.Name+"/p", o).Tree())
	p := "s3://" + objecttest.Name + "/p"
	want := []string{
		"problem " + p + "//w: " + errUnclean.Error(), "problem " + p + "/./y: " + errUnclean.Error(), "problem " + p + "/../x: " + errUnclean.Error(),
		"problem " + p + "/.ferry-partial: " + tree.ErrOwnState.Error(),
		"problem " + p + "/a//b: " + errUnclean.Error(), "problem " + p + "/a//c: " + errUnclean.Error(), "problem " + p + "/a/../z: " + errUnclean.Error(),
		"problem " + p + "/both: " + errBoth.Error(), "problem " + p + "/heavy/: " + errHeavy.Error(), "problem " + p + "/" + strings.Repeat("n", 300) + ": 300 bytes, 255 at most",
		"problem " + p + "/sub/.ferry-partial: " + tree.ErrOwnState.Error(),
		"folder /p 0", "folder /p/a 0", "file /p/a/d 5", "end /p/a", "folder /p/both 0", "file /p/both/in 9", "end /p/both", "file /p/both- 7",
		"folder /p/empty 0", "end /p/empty", "folder /p/heavy 0", "end /p/heavy", "file /p/ok 4", "folder /p/sub 0", "end /p/sub", "end /p",
	}
	sameLines(t, "the walk", toldFirst(got), toldFirst(want))
}

// toldFirst brings forward, in an order, what is told when it is found: entries come later.
func toldFirst(lines []string) []string {
	slices.SortStableFunc(lines, problemsFirst)
	return lines
}

func problemsFirst(a, b string) int {
	told := func(line string) bool {
		return strings.HasPrefix(line, "problem") || strings.HasPrefix(line, "without")
	}
	pa, pb := told(a), told(b)
	switch {
	case pa && pb:
		return strings.Compare(a, b)
	case pa:
		return -1
	case pb:
		return 1
	}
	return 0
}

// What a place is: a file, a folder, what is in a folder, or nothing.
func TestSourceTop(t *testing.T) {
	_, o := objecttest.Fake(t)
	putObjects(t, o, nil, "one", "dir/x", "empty/", "both", "both/x", "one-more")
	for _, c := range []struct {
		at, name string
		contents bool
		kind     tree.Kind
		err      error
	}{
		{"/one", "one", false, tree.File, nil}, {"/dir", "dir", false, tree.Folder, nil}, {"/dir/", "", true, tree.Folder, nil}, {"/dir/x", "x", false, tree.File, nil},
		{"/empty", "empty", false, tree.Folder, nil}, {"/empty/", "", true, tree.Folder, nil}, {"/both", "both", false, tree.File, errBoth}, {"/both/", "", true, tree.Folder, nil},
		{"", "", true, tree.Folder, nil}, {"/", "", true, tree.Folder, nil}, {"/on", "on", false, 0, fs.ErrNotExist}, {"/one/", "", true, 0, fs.ErrNotExist},
	} {
		s := sourceAt(t, "s3://"+objecttest.Name+c.at, o)
		src := s.Tree()
		found, err := s.Top()
		if err == nil {
			err = found.Err
		}
		if src.Name != c.name || src.Contents != c.contents || found.Info.Kind != c.kind || !errors.Is(err, c.err) {
			t.Errorf("%q is %+v, a %v, %v", c.at, src, found.Info.Kind, err)
		}
	}
}

// Times, modes and digests are those of the metadata, or what a store has.
func TestSourceMetadata(t *testing.T) {
	_, o := objecttest.Fake(t)
	m := meta{MTime: tree.Time{Sec: 1e9, Nsec: 123456789}, HasMTime: true, Mode: 0o640, HasMode: true}
	putObjects(t, o, m.encode(), "d/told", "d/sub/")
	putObjects(t, o, nil, "d/plain", "d/bare/x")
	s := sourceAt(t, "s3://"+objecttest.Name+"/d", o)
	_, items := walked(t, tree.Selection{}, s.Tree())
	by := make(map[string]*tree.Item)
	for _, it := range items {
		by[it.Name] = it
	}
	if it := by["told"]; it.MTime != m.MTime || it.Mode != 0o640 {
		t.Errorf("%+v", it.Entry)
	}
	if it := by["sub"]; it.MTime != m.MTime || it.Mode != 0o640 {
		t.Errorf("%+v", it.Entry)
	}
	if it := by["plain"]; it.MTime.Sec < 1e9 || it.MTime.Nsec != 0 || it.Mode != 0o644 {
		t.Errorf("%+v", it.Entry)
	}
	if it := by["bare"]; it.MTime != by["x"].MTime || it.Mode != 0o755 {
		t.Errorf("%+v", it.Entry)
	}
	// A deletion asks in another way, and must be told the same.
	top, err := s.Top()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]tree.Info)
	for f, err := range top.Folder.Names() {
		if err != nil {
			t.Fatal(err)
		}
		if f.Folder != nil {
			if names[f.Name], err = f.Folder.Stat(); err != nil {
				t.Error(err)
			}
		}
	}
	for name, info := range maps.All(names) {
		if info.MTime != by[name].MTime || info.Kind != tree.Folder {
			t.Errorf("%s is %+v, and was sent as %+v", name, info, by[name].Entry)
		}
	}
	if len(names) != 2 {
		t.Errorf("%v", names)
	}
}
