package storage_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/storage/storagetest"
	"ferry/transfer/tree"
)

// original is a file, as a walk finds it.
type original struct {
	path string
	item tree.Item
}

func (o original) Source() storage.Source { return storage.OfItem(&o.item) }

func (o original) Change(t testing.TB, data []byte, mtime tree.Time) {
	t.Helper()
	write(t, o.path, data, mtime)
}

func (o original) Replace(t testing.TB, data []byte, mtime tree.Time) bool {
	t.Helper()
	if runtime.GOOS == "windows" {
		return false // the file is open
	}
	write(t, o.path+".new", data, mtime)
	if err := os.Rename(o.path+".new", o.path); err != nil {
		t.Fatal(err)
	}
	return true
}

func (o original) Remove(t testing.TB) bool {
	t.Helper()
	if err := os.Remove(o.path); err != nil {
		t.Fatal(err)
	}
	return true
}

func write(t testing.TB, path string, data []byte, mtime tree.Time) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, mtime.Std(), mtime.Std()); err != nil {
		t.Fatal(err)
	}
}

func TestSourceContract(t *testing.T) {
	storagetest.Source(t, func(t *testing.T, data []byte, mtime tree.Time) storagetest.Original {
		o := original{path: filepath.Join(t.TempDir(), "f")}
		write(t, o.path, data, mtime)
		dirs := tree.NewDirs(4)
		t.Cleanup(func() {
			if err := dirs.Close(); err != nil {
				t.Error(err)
			}
		})
		walk := tree.Walk{Sources: []tree.Source{{Path: o.path, Name: "f"}}, Dirs: dirs, Problem: func(name string, err error) { t.Errorf("%s: %v", name, err) }}
		if err := walk.Run(t.Context(), func(it *tree.Item) error { o.item = *it; return nil }); err != nil {
			t.Fatal(err)
		}
		return o
	})
}
