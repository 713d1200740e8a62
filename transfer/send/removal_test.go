package send

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// Of a file with two names, what one was read as says nothing of the other, which may have
// been read before a change that leaves size and time.
func TestRemovalOfASecondName(t *testing.T) {
	dir := t.TempDir()
	f, g := filepath.Join(dir, "f"), filepath.Join(dir, "g")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(f, []byte("old"), 0o600))
	must(os.Link(f, g))
	dirs := tree.NewDirs(2)
	defer dirs.Close()
	root, err := dirs.Open(dir)
	must(err)
	now, err := root.Lstat("f")
	must(err)
	before := now
	before.CTime.Sec--
	r := newRemoval(&Options{Remove: &Removal{}}, false)
	r.roots = []*tree.Dir{root}
	r.log.add(&record{name: "g", display: "g", info: now})
	r.log.add(&record{name: "f", display: "f", info: before})
	tracker := progress.Resume(nil, transfer.Result{})
	must(r.removeAll(t.Context(), tracker))
	if _, err := os.Lstat(f); err != nil || r.failed != 1 {
		t.Errorf("%v, %d failed", err, r.failed)
	}
	if _, err := os.Lstat(g); err == nil {
		t.Error("what did not change is there")
	}
}
