package dest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

func tellsCase(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600))
	if _, err := os.Lstat(filepath.Join(dir, "PROBE")); err == nil {
		t.Skip("this file system does not tell case apart")
	}
}

// Where names are told apart, two of them are, as hard links of one item too.
func TestRelate(t *testing.T) {
	dir := t.TempDir()
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tellsCase(t)
	put("One")
	put("Two")
	put("two")
	put("Link")
	if err := os.Link(filepath.Join(dir, "Link"), filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	f, r := both(t, dir)
	for _, c := range []struct {
		name, other    string
		want, foretold storage.Relation
	}{
		{"same", "Same", storage.Unknown, storage.Apart}, {"one", "One", storage.Apart, storage.Apart}, {"One", "one", storage.Apart, storage.Apart},
		{"two", "Two", storage.Apart, storage.Apart}, {"link", "Link", storage.Apart, storage.Apart}, {"One", "One", storage.Together, storage.Together},
	} {
		e := &tree.Entry{ID: 1, Name: c.name, Kind: tree.File}
		if got, err := f.Relate(e, c.other, false); err != nil || got != c.want {
			t.Errorf("%s and %s: %v, %v", c.name, c.other, got, err)
		}
		if got, err := r.Relate(e, c.other, false); err != nil || got != c.foretold {
			t.Errorf("%s and %s in a dry run: %v, %v", c.name, c.other, got, err)
		}
		if is, err := f.Borrowed(e); err != nil || is {
			t.Errorf("%s is borrowed: %v, %v", c.name, is, err)
		}
	}
}

// A pair of names costs no look at all names of the folder, of which there may be as
// many, where items have numbers, and else where they were looked at once.
func TestRelateListsNoFolder(t *testing.T) {
	tellsCase(t)
	dir := t.TempDir()
	const names = 2000
	for i := range names {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Two", "two"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, r := both(t, dir)
	e := &tree.Entry{ID: 1, Name: "two", Kind: tree.File}
	cheap := func(on string) {
		for what, relate := range map[string]func(*tree.Entry, string, bool) (storage.Relation, error){"a delivery": f.Relate, "a dry run": r.Relate} {
			n := testing.AllocsPerRun(3, func() {
				if rel, err := relate(e, "Two", true); err != nil || rel != storage.Apart {
					t.Errorf("%s on %s: %v, %v", what, on, rel, err)
				}
			})
			if n > names/2 {
				t.Errorf("%s on %s: %v allocations for a pair", what, on, n)
			}
		}
	}
	if r.numbersItems(r.root) {
		cheap("a file system that is known")
		if f.finder.listing.dir != nil || r.listing.dir != nil {
			t.Error("the folder was listed")
		}
	}
	info, err := r.root.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f.root().vol.doubtful, r.numbered[info.Dev] = true, false
	cheap("one that is not")
}

// both opens dir for a delivery and for a dry run.
func both(t *testing.T, dir string) (*delivery, *Rehearsal) {
	t.Helper()
	f, err := start(dir, Options{}, tree.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	r, err := Rehearse(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return f, r
}
