package dest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/tree"
)

// Where names are told apart, two of them are, as hard links of one item too.
func TestRelate(t *testing.T) {
	dir := t.TempDir()
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("probe")
	if _, err := os.Lstat(filepath.Join(dir, "PROBE")); err == nil {
		t.Skip("this file system does not tell case apart")
	}
	put("One")
	put("Two")
	put("two")
	put("Link")
	if err := os.Link(filepath.Join(dir, "Link"), filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	f, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Rehearse(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		name, other    string
		want, foretold Relation
	}{
		{"same", "Same", Unknown, Apart}, {"one", "One", Apart, Apart}, {"One", "one", Apart, Apart},
		{"two", "Two", Apart, Apart}, {"link", "Link", Apart, Apart}, {"One", "One", Together, Together},
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

// Where items have numbers, a pair of names costs no look at all names of the folder:
// of twins there may be as many as names.
func TestRelateListsNoFolder(t *testing.T) {
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
	f, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Rehearse(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if known := r.numbersItems(r.root); !known {
		t.Skip("the file system here is not known to number items")
	}
	e := &tree.Entry{ID: 1, Name: "two", Kind: tree.File}
	for what, relate := range map[string]func(*tree.Entry, string, bool) (Relation, error){"a delivery": f.Relate, "a dry run": r.Relate} {
		if n := testing.AllocsPerRun(3, func() { _, _ = relate(e, "Two", true) }); n > names/2 {
			t.Errorf("%s: %v allocations for a pair", what, n)
		}
	}
}
