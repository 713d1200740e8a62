package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/local"
)

// What is free is known before a folder is made, and asking makes none.
func TestFree(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "not", "there")} {
		if n, err := local.Free(path); n <= 0 || err != nil {
			t.Errorf("%s has %d bytes free, %v", path, n, err)
		}
	}
	if names, err := os.ReadDir(dir); len(names) != 0 || err != nil {
		t.Errorf("asking left %v, %v", names, err)
	}
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := local.Free(filepath.Join(file, "d")); err == nil {
		t.Errorf("below a file %d bytes are free", n)
	}
}
