package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestReplaceRules(t *testing.T) {
	newContent := []byte("new")
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte("outside"), 0o600))
	there := map[string]func(path string) error{
		"file":    func(path string) error { return os.WriteFile(path, []byte("old"), 0o444) },
		"link":    func(path string) error { return os.Symlink(outside, path) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"nothing": func(string) error { return nil },
	}
	want := map[string]map[bool]storage.Kind{ // by replace; 0: published
		"file":    {false: storage.Conflict, true: 0},
		"link":    {false: storage.Conflict, true: 0},
		"folder":  {false: storage.Conflict, true: storage.OtherKind},
		"nothing": {false: 0, true: 0},
	}
	for what, put := range there {
		for _, replace := range []bool{false, true} {
			for _, size := range []int{len(newContent), chunk + 1} {
				for _, named := range []bool{false, true} {
					t.Run(fmt.Sprint(what, "/replace=", replace, "/size=", size, "/named=", named), func(t *testing.T) {
						if what == "link" {
							treetest.Needs(t, treetest.Links)
						}
						dir := t.TempDir()
						path := filepath.Join(dir, "x")
						must(t, put(path))
						before, _ := os.Lstat(path)
						f := open(t, dir, Options{})
						f.root().vol.noUnnamed.Store(named)
						b := content(size, 8)
						e := fileEntry("x", size)
						pub := sealed(t, f, e, b)
						pub.Replace = replace
						must(t, f.Publish([]*storage.Publication{pub}))
						if kind := want[what][replace]; kind != 0 {
							wantKind(t, pub.Err, kind)
							must(t, pub.Partial.Discard(false))
							after, err := os.Lstat(path)
							if err != nil || !os.SameFile(before, after) {
								t.Errorf("what stood there is gone: %v", err)
							}
						} else {
							must(t, pub.Err)
							same(t, path, b, e)
						}
						finish(t, f)
						wantNames(t, dir, "x")
						holds(t, outside, []byte("outside"))
					})
				}
			}
		}
	}
}

func TestReplaceOnlyWhatWasSeen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	f := open(t, dir, Options{})
	e := fileEntry("x", 3)
	seen, err := f.Stat(e)
	must(t, err)
	must(t, os.WriteFile(path, []byte("user's newer work"), 0o600))
	pub := sealed(t, f, e, []byte("new"))
	pub.Replace, pub.Expect = true, &seen
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Conflict)
	if !errors.Is(pub.Err, storage.ErrChanged) {
		t.Errorf("error is %v", pub.Err)
	}
	holds(t, path, []byte("user's newer work"))

	seen, err = f.Stat(e)
	must(t, err)
	pub.Expect = &seen
	publish(t, f, pub) // the same partial, now that the user has agreed
	holds(t, path, []byte("new"))
}

// The names of one file are replaced one after another: what happens to the first
// is no change of the others by somebody else.
func TestReplaceEachNameOfOneFile(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o600))
	names := []string{"a", "b", "c"}
	seen := make(map[string]tree.Info)
	for _, name := range names {
		if name != "a" {
			must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, name)))
		}
	}
	for _, name := range names {
		info, err := f.Stat(fileEntry(name, 3))
		must(t, err)
		seen[name] = info
	}
	must(t, os.Chtimes(filepath.Join(dir, "c"), time.Unix(1, 0), time.Unix(1, 0))) // as an entry that only gets new metadata
	for _, name := range names {
		pub := sealed(t, f, fileEntry(name, 3), []byte("n-"+name))
		expect := seen[name]
		pub.Replace, pub.Expect = true, &expect
		publish(t, f, pub)
		holds(t, filepath.Join(dir, name), []byte("n-"+name))
	}

	must(t, os.WriteFile(filepath.Join(dir, "d"), []byte("old"), 0o600))
	must(t, os.Link(filepath.Join(dir, "d"), filepath.Join(dir, "e")))
	info, err := f.Stat(fileEntry("e", 3))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "d"), []byte("somebody's"), 0o600))
	pub := sealed(t, f, fileEntry("e", 3), []byte("new"))
	pub.Replace, pub.Expect = true, &info
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Conflict)
}

func TestRenameTakesFreeNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "a (1).txt", "b"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(dir, "a (2).txt"), 0o700))
	f := open(t, dir, Options{})
	for name, want := range map[string]string{"a.txt": "a (3).txt", "b": "b (1)", "c": ""} {
		for _, size := range []int{10, chunk + 1} {
			pub := sealed(t, f, fileEntry(name, size), content(size, 1))
			pub.Rename = true
			must(t, f.Publish([]*storage.Publication{pub}))
			must(t, pub.Err)
			if pub.Name != want {
				t.Errorf("%q was published as %q, want %q", name, pub.Name, want)
			}
			took := want
			if took == "" {
				took = name
			}
			holds(t, filepath.Join(dir, took), content(size, 1))
			must(t, os.Remove(filepath.Join(dir, took)))
		}
	}
	wantNames(t, dir, tree.PartialName, "a (1).txt", "a (2).txt", "a.txt", "b")
}
