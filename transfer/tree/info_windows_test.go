package tree

import (
	"os"
	"path/filepath"
	"testing"
)

// A look by name and one by handle must tell the same, and two names of one file
// that they are one: everything that keeps a delivery inside its folder relies on it.
func TestIdentity(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"a", "other"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(path, "a"), filepath.Join(path, "b")); err != nil {
		t.Fatal(err)
	}
	d := openTestDir(t, path)
	a, err := d.Lstat("a")
	if err != nil {
		t.Fatal(err)
	}
	if a.Ino == 0 || a.Nlink != 2 || a.CTime == (Time{}) {
		t.Errorf("a is %+v", a)
	}
	for name, same := range map[string]bool{"a": true, "A": true, "b": true, "other": false} {
		f, opened, err := d.OpenFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		seen, err := d.Lstat(name)
		if err != nil || !seen.SameVersion(opened) {
			t.Errorf("%s by name is %+v, by handle %+v, %v", name, seen, opened, err)
		}
		if seen.SameFile(a) != same {
			t.Errorf("%s is a: %v", name, !same)
		}
	}
	for _, name := range []string{"a:stream", `..\a`, "x/a", ""} {
		if _, err := d.Lstat(name); err == nil {
			t.Errorf("%q is something", name)
		}
	}
}

// The system syncs a file only for those that may write to it.
func TestSyncReadOnlyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("x"), 0o444); err != nil {
		t.Fatal(err)
	}
	d := openTestDir(t, filepath.Dir(path))
	if err := d.SyncFile("a"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("it is %v now, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o666); err != nil { // for TempDir
		t.Fatal(err)
	}
}

func openTestDir(t *testing.T, path string) *Dir {
	t.Helper()
	p := NewDirs(4)
	d, err := p.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
