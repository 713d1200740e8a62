package dest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/transfer/dest"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// A destination that is opened, looked at and closed is as it was, to the state
// folder that a killed run left empty.
func TestLookingChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, tree.PartialName), 0o700); err != nil {
		t.Fatal(err)
	}
	then := time.Unix(1e9, 0)
	if err := os.Chtimes(dir, then, then); err != nil {
		t.Fatal(err)
	}
	f, err := dest.Open(dir, dest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := dest.Rehearse(dir, dest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.Start(tree.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Finder.Stat(&tree.Entry{ID: 1, Kind: tree.File, Name: "f"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if out, err := r.MakeFolder(&tree.Entry{ID: 1, Kind: tree.Folder, Name: "d"}); out.Same || err != nil {
		t.Error(out, err)
	}
	for _, err := range []error{r.Close(), r.Close(), f.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || !info.ModTime().Equal(then) {
		t.Errorf("it is of %v now, %v", info.ModTime(), err)
	}
}

// A Rehearsal says of folders and links what a Folder then does.
func TestRehearsalAgreesWithFolder(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "folder"), 0o755),
		os.WriteFile(filepath.Join(dir, "file"), nil, 0o644),
		os.Symlink("a", filepath.Join(dir, "link")),
		os.Symlink("folder", filepath.Join(dir, "way")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := dest.Open(dir, dest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := dest.Rehearse(dir, dest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l, err := f.Start(tree.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	kind := storage.KindOf
	id := uint64(0)
	for _, name := range []string{"folder", "file", "link", "way", "new", "..", tree.PartialName, "a/b"} {
		id++
		e := &tree.Entry{ID: id, Kind: tree.Folder, Name: name, Mode: 0o755}
		said, serr := r.MakeFolder(e)
		did, derr := l.Maker.MakeFolder(e)
		if derr == nil && said.Same != did.Same || kind(serr) != kind(derr) {
			t.Errorf("folder %q: it said %v, %v, and then came %v, %v", name, said, serr, did, derr)
		}
	}
	for _, name := range []string{"folder", "file", "link", "way", "newlink"} {
		for _, target := range []string{"b", "a"} {
			for _, replace := range []bool{false, true} {
				e := &tree.Entry{ID: 100, Kind: tree.Symlink, Name: name, Target: target}
				said, serr := r.MakeLink(e, replace)
				did, derr := l.Maker.MakeLink(e, replace)
				if said.Same != did.Same || kind(serr) != kind(derr) {
					t.Errorf("link %q to %q, replace %v: it said %v, %v, and then came %v, %v", name, target, replace, said, serr, did, derr)
				}
			}
		}
	}
}
