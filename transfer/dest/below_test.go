package dest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// A folder below another one is made, and opened again. What holds it is synced both times: the
// first delivery may not be at its end when the second one is.
func TestOpenBelow(t *testing.T) {
	root := t.TempDir()
	for made := range 2 {
		f, err := Open(root, Options{Below: []string{"in", "alice"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(f.above) != 2 || f.nodes.root.existed != (made > 0) {
			t.Errorf("%d folders above are synced; it existed: %v", len(f.above), f.nodes.root.existed)
		}
		l, err := f.Start(tree.Metadata{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Maker.MakeFolder(&tree.Entry{ID: 1, Kind: tree.Folder, Name: "d", Mode: 0o755}); err != nil {
			t.Error(err)
		}
		if _, err := f.Finish(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(filepath.Join(root, "in", "alice", "d")); err != nil || !info.IsDir() {
			t.Fatalf("%v, %v", info, err)
		}
	}
}

// No name on the way leads elsewhere, and nothing is made where one would.
func TestOpenBelowFollowsNothing(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := [][]string{{"file"}, {"file", "x"}, {".."}, {"a", ".."}, {"a/b"}, {""}, {"."}, {tree.PartialName}, {"a", tree.PartialName + "-1000"}}
	if treetest.Symlink(t, outside, filepath.Join(root, "link")) {
		wrong = append(wrong, []string{"link"}, []string{"link", "x"})
	}
	for _, below := range wrong {
		f, err := Open(root, Options{Below: below})
		if err == nil {
			_ = f.Close()
			t.Errorf("%q was opened", below)
		}
		if storage.KindOf(err) == 0 {
			t.Errorf("%q: %v", below, err)
		}
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Errorf("outside there is %v, %v", names, err)
	}
	if _, err := Open(filepath.Join(root, "absent"), Options{Below: []string{"a"}}); err == nil {
		t.Error("a root that is not there was made")
	}
}

// A guest's delivery leaves the metadata of folders that stood there as it was.
func TestGuestKeepsFolders(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.Chmod(root, 0o750), os.Mkdir(filepath.Join(root, "there"), 0o710)); err != nil {
		t.Fatal(err)
	}
	f, err := Open(root, Options{Guest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, err := f.Start(tree.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*tree.Entry{{ID: 1, Kind: tree.Root, Mode: 0o777}, {ID: 2, Parent: 1, Kind: tree.Folder, Name: "there", Mode: 0o700}, {ID: 3, Parent: 1, Kind: tree.Folder, Name: "new", Mode: 0o700}} {
		if _, err := l.Maker.MakeFolder(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []uint64{3, 2, 1} {
		if o, err := l.Maker.FinishFolder(&tree.Entry{ID: id, Kind: tree.Folder, Name: "x"}); err != nil || o.Adjusted {
			t.Errorf("folder %d: %+v, %v", id, o, err)
		}
	}
	if _, err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o750, "there": 0o710, "new": 0o700} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != want && os.PathSeparator == '/' {
			t.Errorf("%q has %v, want %v, %v", name, info.Mode(), want, err)
		}
	}
}

// An owner finds its own unfinished files, and no other's.
func TestOwnersArePartedByKey(t *testing.T) {
	if pathHash("", "a") == pathHash("SHA256:x", "a") || pathHash("SHA256:x", "a") == pathHash("SHA256:y", "a") {
		t.Error("two owners have one key")
	}
}
