package dest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestOpenMakesMissingFoldersAndNothingElse(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a", "b", "c")
	f := open(t, path, Options{})
	wantNames(t, path)
	if len(f.above) != 3 {
		t.Errorf("Open remembers %v, want what holds the three folders it made", f.above)
	}
	finish(t, f)
	wantNames(t, path)
}

func TestOpenRefusesWhatIsNoFolder(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(path, Options{})
		wantKind(t, err, storage.OtherKind)
	}
	if treetest.Symlink(t, "nowhere", filepath.Join(base, "dangling")) {
		if _, err := Open(filepath.Join(base, "dangling"), Options{}); err == nil {
			t.Error("Open took a dangling link")
		}
	}
}

func TestStatKnowsFreshFolders(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "old"), []byte("x"), 0o600))
	f := open(t, dir, Options{})
	if info, err := f.Stat(fileEntry("old", 1)); err != nil || info.Size != 1 {
		t.Errorf("Stat of an existing file: %+v, %v", info, err)
	}
	if _, err := f.Stat(fileEntry("new", 1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of nothing: %v", err)
	}
	if _, err := f.MakeFolder(folderEntry(1, 0, "sub")); err != nil {
		t.Fatal(err)
	}
	e := fileEntry("x", 0)
	e.Parent = 1
	if _, err := f.Stat(e); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat in a fresh folder: %v", err)
	}
	if got := f.nodes.path(e); got != "sub/x" {
		t.Errorf("Path is %q", got)
	}
	// Somebody else puts something there: publication meets it, and then Stat does.
	must(t, os.WriteFile(filepath.Join(dir, "sub", "x"), []byte("theirs"), 0o600))
	pub := sealed(t, f, e, nil)
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Conflict)
	must(t, pub.Partial.Discard(false))
	if info, err := f.Stat(e); err != nil || info.Size != 6 {
		t.Errorf("Stat after a conflict: %+v, %v", info, err)
	}
	holds(t, filepath.Join(dir, "sub", "x"), []byte("theirs"))
}

func TestUnknownParent(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	e := fileEntry("x", 1)
	e.Parent = 7
	if _, err := f.Begin(e); err == nil {
		t.Error("Begin in a folder that is not open")
	}
	if _, err := f.MakeFolder(folderEntry(8, 7, "y")); err == nil {
		t.Error("MakeFolder in a folder that is not open")
	}
	if _, err := f.FinishFolder(folderEntry(7, 0, "z")); err == nil {
		t.Error("FinishFolder of a folder that is not open")
	}
}

func TestDestinationReplaced(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"moved":   func(path string) error { return os.Rename(path, path+".away") },
		"removed": os.Remove,
		"swapped": func(path string) error {
			return errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700))
		},
		"link": func(path string) error {
			return errors.Join(os.Rename(path, path+".away"), os.Mkdir(path+".evil", 0o700), os.Symlink(path+".evil", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			treetest.Needs(t, treetest.MovableRoots)
			base := t.TempDir()
			path := filepath.Join(base, "out")
			f := open(t, path, Options{})
			pub := sealed(t, f, fileEntry("x", 3), []byte("abc"))
			must(t, replace(path))
			err := f.Publish([]*storage.Publication{pub})
			wantKind(t, err, storage.Gone)
			wantKind(t, pub.Err, storage.Gone)
			must(t, pub.Partial.Discard(true))
			wantKind(t, f.finished(), storage.Gone)
			for _, at := range []string{path, path + ".away", path + ".evil"} {
				if _, err := os.Stat(at); err == nil {
					wantNames(t, at)
				}
			}
		})
	}
}

func TestRootMetadataComesLast(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	root := &tree.Entry{ID: 1, Kind: tree.Root, Mode: 0o710, MTime: testTime}
	if _, err := f.MakeFolder(root); err != nil {
		t.Fatal(err)
	}
	if got := f.nodes.path(root); got != "." {
		t.Errorf("Path of the root is %q", got)
	}
	big := content(chunk+1, 1)
	e := fileEntry("big", len(big))
	e.Parent = 1
	publish(t, f, sealed(t, f, e, big))
	must2(t)(f.FinishFolder(root))
	finish(t, f)
	wantNames(t, dir, "big")
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != treetest.FolderMode(0o710) || timeOf(info.ModTime()) != kept(testTime) {
		t.Errorf("destination has mode %v, mtime %v", info.Mode(), info.ModTime())
	}
}

func TestFreeSpace(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	n, err := f.Free()
	if err != nil || n <= 0 {
		t.Errorf("Free: %d, %v", n, err)
	}
}

// A file system that does not tell how much is free ends no dry run, as it ends no
// delivery.
func TestRehearsalWhereSpaceIsNotTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows: a path is asked for what is free, and no handle")
	}
	r, err := Rehearse(t.TempDir(), Options{})
	must(t, err)
	must(t, r.space.Close()) // so that the system answers EBADF
	if n, err := r.Free(); err != nil || n != unknownSpace {
		t.Errorf("Free: %d, %v", n, err)
	}
	must(t, r.Close())
}

func TestCloseKeepsOpenPartials(t *testing.T) {
	dir := t.TempDir()
	f, err := start(dir, Options{}, tree.Metadata{})
	must(t, err)
	b := content(2*chunk, 3)
	p, err := f.Begin(fileEntry("big", len(b)))
	must(t, err)
	fill(t, p, b, func(i uint64) bool { return i == 0 })
	small, err := f.Begin(fileEntry("small", 1))
	must(t, err)
	must(t, put(small, []byte("x")))
	must(t, f.Close())
	must(t, f.Close())
	if got := stateNames(t, dir); len(got) != 2 {
		t.Errorf("after Close the state folder holds %q, want part and tree", got)
	}
	if _, err := f.Begin(fileEntry("late", 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Begin after Close: %v", err)
	}
}

func TestCloseRemovesEmptyState(t *testing.T) {
	dir := t.TempDir()
	f, err := start(dir, Options{}, tree.Metadata{})
	must(t, err)
	_, err = f.Begin(fileEntry("big", 2*chunk)) // nothing written: nothing to keep
	must(t, err)
	must(t, f.Close())
	wantNames(t, dir)
}
