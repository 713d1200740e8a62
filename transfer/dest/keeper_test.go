package dest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree/treetest"
)

func TestTouch(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "x"), []byte("abc"), 0o600))
	linked := treetest.Symlink(t, "x", filepath.Join(dir, "link"))
	f := open(t, dir, Options{})
	e := fileEntry("x", 3)
	must2(t)(f.Touch(e))
	same(t, filepath.Join(dir, "x"), []byte("abc"), e)
	if linked {
		wantKind(t, only(f.Touch(fileEntry("link", 3))), storage.OtherKind)
	}
	finish(t, f)
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	for i := range 2 * maxOwed {
		name := fmt.Sprint(i)
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o400))
		must2(t)(f.Keep(fileEntry(name, len(name))))
	}
	// A link in the file's place is not followed.
	g := open(t, dir, Options{})
	if treetest.Symlink(t, "0", filepath.Join(dir, "link")) {
		wantKind(t, only(g.Keep(fileEntry("link", 1))), storage.OtherKind)
	}
	finish(t, f)
	finish(t, g)
}

func TestManyFoldersAreAllOwed(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		dir := t.TempDir()
		f := open(t, dir, Options{})
		f.root().vol.sync.trusted = f.root().vol.sync.trusted && trusted
		n := owedBatch + maxOwed
		for i := range n {
			e := folderEntry(uint64(i+1), 0, fmt.Sprint(i))
			must2(t)(f.MakeFolder(e))
			must2(t)(f.FinishFolder(e))
		}
		finish(t, f)
		if got := names(t, dir); len(got) != n {
			t.Errorf("%d folders of %d", len(got), n)
		}
	}
}
