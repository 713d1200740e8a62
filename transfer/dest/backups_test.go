package dest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// keeping starts a delivery into dir and returns what keeps backups in it.
func keeping(t *testing.T, dir, folder string) (*Folder, storage.Backups, error) {
	t.Helper()
	f, err := Open(dir, Options{Backups: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	l, err := f.Start(tree.Metadata{})
	if err != nil {
		return f, nil, err
	}
	return f, l.Backups, nil
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A run that ends between a backup and what takes the item's place leaves the item whole
// under both names, and the next one goes on from there.
func TestBackupComesBeforeTheChange(t *testing.T) {
	for _, folder := range []string{"", "kept/deep"} {
		dir := t.TempDir()
		at := filepath.Join(dir, folder, "f~")
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			f, b, err := keeping(t, dir, folder)
			if err != nil {
				t.Fatal(err)
			}
			info, err := b.Keep(fileEntry("f", 3), "f~", nil)
			if err != nil || info.Size != 3 {
				t.Errorf("%+v, %v", info, err)
			}
			if contentOf(t, filepath.Join(dir, "f")) != "old" || contentOf(t, at) != "old" {
				t.Error("one of them is not whole")
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		// A newer one takes the place of an older one, and the older item is gone then.
		if err := errors.Join(os.Remove(filepath.Join(dir, "f")), os.WriteFile(filepath.Join(dir, "f"), []byte("newer"), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, b, err := keeping(t, dir, folder)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Keep(fileEntry("f", 3), "f~", nil); err != nil || contentOf(t, at) != "newer" {
			t.Errorf("%v, %q", err, contentOf(t, at))
		}
		if names, err := os.ReadDir(filepath.Join(dir, tree.PartialName)); len(names) > 0 {
			t.Errorf("left are %v, %v", names, err)
		}
	}
}

func TestBackupRefusals(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "d"), 0o700), os.WriteFile(filepath.Join(dir, "f"), []byte("old"), 0o600),
		os.Mkdir(filepath.Join(dir, "f~"), 0o700), os.WriteFile(filepath.Join(dir, "f~", "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, b, err := keeping(t, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Keep(fileEntry("none", 3), "none~", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := b.Keep(fileEntry("f", 3), "../f~", nil); storage.KindOf(err) != storage.Name {
		t.Errorf("outside: %v", err)
	}
	if _, err := b.Keep(fileEntry("d", 3), "d~", nil); err == nil {
		t.Error("a folder is kept")
	}
	if _, err := b.Keep(fileEntry("f", 3), "f~", nil); err == nil || contentOf(t, filepath.Join(dir, "f")) != "old" {
		t.Errorf("over a folder: %v", err)
	}
	before, err := os.Lstat(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	other := tree.Info{Kind: tree.File, Size: before.Size() + 1}
	if _, err := b.Keep(fileEntry("f", 3), "f.bak", &other); storage.KindOf(err) != storage.Conflict {
		t.Errorf("of what has changed: %v", err)
	}
}

// A link in the way of the folder for backups is not followed.
func TestBackupsStayInside(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"kept", "kept/deep"} {
		if _, _, err := keeping(t, dir, folder); err == nil || !strings.Contains(err.Error(), "kept: ") {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if names, err := os.ReadDir(outside); len(names) > 0 || err != nil {
		t.Errorf("outside are %v, %v", names, err)
	}
}
