package dest

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestLinks(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	for _, replace := range []bool{false, true} {
		dir := t.TempDir()
		must(t, os.Symlink("target", filepath.Join(dir, "same")))
		must(t, os.Symlink("else", filepath.Join(dir, "other")))
		must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
		must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
		f := open(t, dir, Options{})
		link := func(name string) (bool, error) {
			out, err := f.MakeLink(&tree.Entry{Kind: tree.Symlink, Name: name, Target: "target", MTime: testTime}, replace)
			return out.Same, err
		}
		is := func(name, target string) {
			t.Helper()
			path := filepath.Join(dir, name)
			got, err := os.Readlink(path)
			info, _ := os.Lstat(path)
			if err != nil || got != target || target == "target" && timeOf(info.ModTime()) != kept(testTime) {
				t.Errorf("%s leads to %q (%v), mtime %v", name, got, err, info.ModTime())
			}
		}
		if got, err := link("new"); err != nil || got {
			t.Errorf("new link: %v, %v", got, err)
		}
		is("new", "target")
		if got, err := link("same"); err != nil || !got {
			t.Errorf("same link: %v, %v", got, err)
		}
		is("same", "target")
		_, err := link("folder")
		wantKind(t, err, storage.OtherKind)
		for _, name := range []string{"other", "file"} {
			got, err := link(name)
			if replace {
				if err != nil || got {
					t.Errorf("replacing %s: %v, %v", name, got, err)
				}
				is(name, "target")
			} else {
				wantKind(t, err, storage.Conflict)
			}
		}
		if !replace {
			is("other", "else")
			holds(t, filepath.Join(dir, "file"), []byte("x"))
		}
		finish(t, f)
		wantNames(t, dir, "file", "folder", "new", "other", "same")
	}
}
