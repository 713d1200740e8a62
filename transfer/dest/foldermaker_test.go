package dest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestFoldersGetTheirMetadataLast(t *testing.T) {
	dir := t.TempDir()
	// "old" was delivered before, read-only as the sender has it.
	must(t, os.Mkdir(filepath.Join(dir, "old"), 0o500))
	f := open(t, dir, Options{})
	old, sub := folderEntry(1, 0, "old"), folderEntry(2, 1, "sub")
	old.Mode, sub.Mode = 0o555, 0o511
	for e, existed := range map[*tree.Entry]bool{old: true} {
		got, err := f.MakeFolder(e)
		if err != nil || got.Same != existed {
			t.Errorf("MakeFolder %q: %v, %v", e.Name, got, err)
		}
	}
	if got, err := f.MakeFolder(sub); err != nil || got.Same {
		t.Errorf("MakeFolder of a new folder: %v, %v", got, err)
	}
	for i, name := range []string{"a", "b"} {
		e := fileEntry(name, chunk*i)
		e.Parent = 2
		publish(t, f, sealed(t, f, e, content(chunk*i, 1)))
	}
	must2(t)(f.FinishFolder(&tree.Entry{ID: 2, Kind: tree.FolderEnd}))
	must2(t)(f.FinishFolder(&tree.Entry{ID: 1, Kind: tree.FolderEnd}))
	finish(t, f)
	for path, mode := range map[string]os.FileMode{"old": 0o555, "old/sub": 0o511} {
		info, err := os.Stat(filepath.Join(dir, path))
		must(t, err)
		if info.Mode().Perm() != treetest.FolderMode(mode) || timeOf(info.ModTime()) != kept(testTime) {
			t.Errorf("%s: %v, %v", path, info.Mode(), info.ModTime())
		}
		// So that another user than root can clear up.
		must(t, os.Chmod(filepath.Join(dir, path), 0o700))
	}
}

func TestFolderNeverTakesOtherKinds(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	others := []string{"file"}
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	if treetest.Symlink(t, outside, filepath.Join(dir, "link")) {
		others = append(others, "link")
	}
	f := open(t, dir, Options{})
	for i, name := range others {
		_, err := f.MakeFolder(folderEntry(uint64(i+1), 0, name))
		wantKind(t, err, storage.OtherKind)
	}
	if _, err := f.MakeFolder(folderEntry(5, 0, "real")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.MakeFolder(folderEntry(5, 0, "twice")); err == nil {
		t.Error("two folders got one id")
	}
}

// Whoever swaps a folder after it was made gets nothing written through the
// swap, and the delivery does not end well.
func TestFolderSwapped(t *testing.T) {
	for name, swap := range map[string]func(sub, outside string) error{
		"link":    func(sub, outside string) error { return os.Symlink(outside, sub) },
		"folder":  func(sub, outside string) error { return os.Mkdir(sub, 0o700) },
		"nothing": func(sub, outside string) error { return nil },
		"file":    func(sub, outside string) error { return os.WriteFile(sub, nil, 0o600) },
	} {
		for _, evicted := range []bool{false, true} {
			for _, size := range []int{10, chunk + 1} {
				t.Run(fmt.Sprint(name, "/evicted=", evicted, "/size=", size), func(t *testing.T) {
					if name == "link" {
						treetest.Needs(t, treetest.Links)
					}
					if !evicted {
						treetest.Needs(t, treetest.Handles)
					}
					dir, outside := t.TempDir(), t.TempDir()
					sub := filepath.Join(dir, "sub")
					f := open(t, dir, Options{})
					if evicted {
						f.dirs.Close()
						f.dirs = tree.NewDirs(1)
						must(t, f.openRootAgain())
					}
					must2(t)(f.MakeFolder(folderEntry(1, 0, "sub")))
					must2(t)(f.MakeFolder(folderEntry(2, 0, "other")))
					e := fileEntry("x", size)
					e.Parent = 1
					pub := sealed(t, f, e, content(size, 1))
					if evicted { // the only handle goes to another folder
						n, err := f.nodes.get(2)
						must(t, err)
						_, err = n.dir.Stat()
						must(t, err)
					}
					must(t, os.Rename(sub, filepath.Join(dir, "away")))
					must(t, swap(sub, outside))
					if err := f.Publish([]*storage.Publication{pub}); err != nil {
						t.Errorf("Publish: %v", err)
					}
					if pub.Err != nil {
						wantKind(t, pub.Err, storage.Gone)
						must(t, pub.Partial.Discard(false))
					}
					wantKind(t, only(f.FinishFolder(folderEntry(1, 0, "sub"))), storage.Gone)
					wantNames(t, outside)
					if name == "folder" {
						wantNames(t, sub)
					}
				})
			}
		}
	}
}

func (f *delivery) openRootAgain() error {
	old := f.root()
	delete(f.volumes.byID, old.vol.state.id)
	err := f.openRoot(f.site.path)
	return errors.Join(err, old.vol.handle.Close())
}

func must2(t testing.TB) func(storage.Outcome, error) {
	return func(_ storage.Outcome, err error) { t.Helper(); must(t, err) }
}

// A folder that somebody else makes in a fresh one is taken, but not one that
// answers to the name and is not listed under it: the file system has no case.
func TestFolderOfAnotherSpelling(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	must2(t)(f.MakeFolder(folderEntry(1, 0, "sub")))
	must(t, os.Mkdir(filepath.Join(dir, "sub", "a"), 0o700))
	if out, err := f.MakeFolder(folderEntry(2, 1, "a")); err != nil || !out.Same {
		t.Errorf("MakeFolder: %v, %v", out, err)
	}
	n, err := f.nodes.get(1)
	must(t, err)
	wantKind(t, fail("making", "sub/A", checkSpelling(n, "A")), storage.Conflict)
}

// Names are the engine's to check, and are checked here again.
func TestNamesThatLeaveTheFolder(t *testing.T) {
	base := t.TempDir()
	out := filepath.Join(base, "out")
	must(t, os.WriteFile(filepath.Join(base, "x"), []byte("outside"), 0o600))
	f := open(t, out, Options{})
	for _, name := range []string{"", ".", "..", "../x", "/etc", "a/b", "x\x00", tree.PartialName, ".Ferry-Partial", strings.Repeat("n", 256)} {
		_, err := f.MakeFolder(folderEntry(1, 0, name))
		wantKind(t, err, storage.Name)
		_, err = f.Begin(fileEntry(name, 1))
		wantKind(t, err, storage.Name)
		_, err = f.MakeLink(&tree.Entry{Kind: tree.Symlink, Name: name, Target: "x"}, true)
		wantKind(t, err, storage.Name)
		_, err = f.Stat(fileEntry(name, 1))
		wantKind(t, err, storage.Name)
		_, err = f.Open(fileEntry(name, 1))
		wantKind(t, err, storage.Name)
		wantKind(t, only(f.Touch(fileEntry(name, 1))), storage.Name)
	}
	_, err := f.MakeLink(&tree.Entry{Kind: tree.Symlink, Name: "l", Target: ""}, true)
	wantKind(t, err, storage.Name)
	pub := sealed(t, f, fileEntry("good", 1), []byte("x"))
	pub.Entry = fileEntry("../x", 1)
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Name)
	must(t, pub.Partial.Discard(true))
	must(t, f.Close())
	wantNames(t, out)
	holds(t, filepath.Join(base, "x"), []byte("outside"))
}

func TestOddNames(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	odd := []string{"-rf", "$'`", "e\u0301", "\u202e", strings.Repeat("n", 255), strings.Repeat("ü", 127)}
	if treetest.Has(t, treetest.AnyName) {
		odd = append(odd, "new\nline", "esc\x1b[31m", "\xff\xfe", " ", "...", "a\tb", "\"q")
	}
	for i, name := range odd {
		must2(t)(f.MakeFolder(folderEntry(uint64(i+1), 0, name)))
		for _, size := range []int{10, chunk + 1} {
			e := fileEntry(name, size)
			e.Parent = uint64(i + 1)
			pub := sealed(t, f, e, content(size, 1))
			pub.Replace = true
			publish(t, f, pub)
			same(t, filepath.Join(dir, name, name), content(size, 1), e)
		}
		link := &tree.Entry{Parent: uint64(i + 1), Kind: tree.Symlink, Name: name[:len(name)-1] + "L", Target: name, MTime: testTime}
		if treetest.Has(t, treetest.Links) {
			must2(t)(f.MakeLink(link, false))
		}
		must2(t)(f.FinishFolder(folderEntry(uint64(i+1), 0, name)))
	}
	finish(t, f)
	if got := names(t, dir); len(got) != len(odd) {
		t.Errorf("destination holds %q", got)
	}
}
