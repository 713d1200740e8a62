package dest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func linked(t testing.TB, dir string) *delivery {
	return granting(t, dir, Options{}, tree.Metadata{HardLinks: true})
}

func linkEntry(id, to uint64, name string) *tree.Entry {
	return &tree.Entry{ID: id, Kind: tree.HardLink, Name: name, LinkTo: to, Linked: true}
}

func sameInode(t testing.TB, a, b string) bool {
	t.Helper()
	ai, err := os.Lstat(a)
	must(t, err)
	bi, err := os.Lstat(b)
	must(t, err)
	return os.SameFile(ai, bi)
}

// first publishes a file that hard links may come to, of a size that has a name
// before it is published or not.
func first(t testing.TB, f *delivery, size int, pub storage.Publication) *tree.Entry {
	t.Helper()
	e := fileEntry("first", size)
	e.ID, e.Linked = 1, true
	done := sealed(t, f, e, content(size, 4))
	done.Replace, done.Rename = pub.Replace, pub.Rename
	publish(t, f, done)
	return e
}

func TestHardLinks(t *testing.T) {
	for _, size := range []int{0, 100, 2 * chunk} {
		dir := t.TempDir()
		f := linked(t, dir)
		first(t, f, size, storage.Publication{})
		_, err := f.MakeFolder(folderEntry(2, 0, "sub"))
		must(t, err)
		e := linkEntry(3, 1, "second")
		e.Parent = 2
		for _, want := range []bool{false, true} {
			if out, err := f.MakeHardLink(e, false); err != nil || out.Same != want {
				t.Errorf("same %v, %v; want %v", out.Same, err, want)
			}
		}
		must2(t)(f.FinishFolder(folderEntry(2, 0, "sub")))
		finish(t, f)
		if !sameInode(t, filepath.Join(dir, "first"), filepath.Join(dir, "sub/second")) {
			t.Errorf("%d bytes: two files", size)
		}
		wantNames(t, dir, "first", "sub")
	}
}

// Where names are numbered and not items, what is there is a link already if it has
// what the item has, and not for its size and time.
func TestHardLinkWhereNamesAreNumbered(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	for _, c := range []struct {
		there string
		same  bool
	}{{string(content(10, 4)), true}, {"0123456789", false}} {
		dir := t.TempDir()
		f := linked(t, dir)
		f.root().vol.doubtful = true
		f.root().vol.items.once.Do(func() {}) // it was tried, and they are not
		var told []storage.Note
		first(t, f, 10, storage.Publication{})
		info, err := os.Stat(filepath.Join(dir, "first"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "taken"), []byte(c.there), 0o600))
		must(t, os.Chtimes(filepath.Join(dir, "taken"), info.ModTime(), info.ModTime()))
		out, err := f.MakeHardLink(linkEntry(2, 1, "taken"), false)
		told = append(told, out.Notes...)
		if out.Same != c.same {
			t.Errorf("same %v, %v", out.Same, err)
		}
		if !c.same {
			wantKind(t, err, storage.Conflict)
		}
		for target, same := range map[string]bool{"there": true, "other": false} {
			e := &tree.Entry{ID: 3, Kind: tree.Symlink, Name: "link", Target: "there", MTime: timeOf(info.ModTime()), Linked: true}
			_, err := f.MakeLink(e, true)
			must(t, err)
			must(t, os.RemoveAll(filepath.Join(dir, "at")))
			must(t, os.Symlink(target, filepath.Join(dir, "at")))
			must(t, f.root().dir.SetLinkTime("at", e.MTime, false))
			out, err := f.MakeHardLink(linkEntry(4, 3, "at"), false)
			told = append(told, out.Notes...)
			if out.Same != same {
				t.Errorf("a link to %s: same %v, %v", target, out.Same, err)
			}
		}
		want := 1 // the symbolic link
		if c.same {
			want++
		}
		if len(told) != want || told[0].Loss.What != tree.AttrUnsureLink {
			t.Errorf("%q is there: told %v", c.there, told)
		}
	}
}

// A file system that is not known is tried: where items are numbered, a copy is no link.
func TestHardLinkWhereItIsTriedWhatIsNumbered(t *testing.T) {
	dir := t.TempDir()
	f := linked(t, dir)
	f.root().vol.doubtful = true
	first(t, f, 10, storage.Publication{})
	info, err := os.Stat(filepath.Join(dir, "first"))
	must(t, err)
	at := filepath.Join(dir, "taken")
	must(t, os.WriteFile(at, content(10, 4), 0o600))
	must(t, os.Chtimes(at, info.ModTime(), info.ModTime()))
	_, err = f.MakeHardLink(linkEntry(2, 1, "taken"), false)
	wantKind(t, err, storage.Conflict)
	for _, want := range []bool{false, true} {
		if out, err := f.MakeHardLink(linkEntry(2, 1, "taken"), true); err != nil || out.Same != want || len(out.Notes) > 0 {
			t.Errorf("same %v, %v; want %v", out.Same, err, want)
		}
	}
	if !sameInode(t, filepath.Join(dir, "first"), at) {
		t.Error("two files")
	}
	finish(t, f)
	wantNames(t, dir, "first", "taken")
}

func TestHardLinkInTheWayOfOthers(t *testing.T) {
	dir := t.TempDir()
	f := linked(t, dir)
	first(t, f, 10, storage.Publication{})
	must(t, os.WriteFile(filepath.Join(dir, "taken"), []byte("mine"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	_, err := f.MakeHardLink(linkEntry(2, 1, "taken"), false)
	wantKind(t, err, storage.Conflict)
	holds(t, filepath.Join(dir, "taken"), []byte("mine"))
	_, err = f.MakeHardLink(linkEntry(3, 1, "folder"), true)
	wantKind(t, err, storage.OtherKind)
	if _, err := f.MakeHardLink(linkEntry(4, 1, "taken"), true); err != nil {
		t.Error(err)
	}
	if !sameInode(t, filepath.Join(dir, "first"), filepath.Join(dir, "taken")) {
		t.Error("it was not replaced")
	}
	finish(t, f)
	wantNames(t, dir, "first", "folder", "taken")
}

// Whoever puts another item where the file was published gets no link to it.
func TestHardLinkToWhatWasSwapped(t *testing.T) {
	dir := t.TempDir()
	f := linked(t, dir)
	first(t, f, 10, storage.Publication{})
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	name := filepath.Join(dir, "first")
	must(t, os.Remove(name))
	for _, swap := range []func() error{
		func() error { return os.Link(secret, name) },
		func() error {
			if treetest.Has(t, treetest.Links) {
				return os.Symlink(secret, name)
			}
			return nil
		},
		func() error { return nil },
	} {
		must(t, swap())
		_, err := f.MakeHardLink(linkEntry(2, 1, "second"), true)
		wantKind(t, err, storage.Conflict)
		if _, err := os.Lstat(filepath.Join(dir, "second")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a link was made: %v", err)
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if left := stateNames(t, dir); len(left) > 0 {
		t.Errorf("state folder holds %q", left)
	}
}

func TestHardLinkToWhatIsNotRemembered(t *testing.T) {
	dir := t.TempDir()
	f := linked(t, dir)
	_, err := f.MakeHardLink(linkEntry(2, 1, "second"), true)
	wantKind(t, err, storage.Unsupported)
	first(t, f, 10, storage.Publication{})
	last := linkEntry(3, 1, "second")
	last.Linked = false
	_, err = f.MakeHardLink(last, true)
	must(t, err)
	_, err = f.MakeHardLink(linkEntry(4, 1, "third"), true)
	wantKind(t, err, storage.Unsupported)
	if len(f.targets.byID) != 0 {
		t.Errorf("%d items are remembered after their last link", len(f.targets.byID))
	}
}

// Links are to the name that the file got, and to what was found the same.
func TestHardLinkToOtherNames(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "first"), []byte("old"), 0o600))
	f := linked(t, dir)
	first(t, f, 10, storage.Publication{Rename: true})
	_, err := f.MakeHardLink(linkEntry(2, 1, "second"), false)
	must(t, err)
	if !sameInode(t, filepath.Join(dir, "first (1)"), filepath.Join(dir, "second")) {
		t.Error("it is a link to something else")
	}
	kept := fileEntry("first", 3)
	kept.ID, kept.Linked = 5, true
	must2(t)(f.Keep(kept))
	_, err = f.MakeHardLink(linkEntry(6, 5, "third"), false)
	must(t, err)
	if !sameInode(t, filepath.Join(dir, "first"), filepath.Join(dir, "third")) {
		t.Error("it is no link to what was kept")
	}
	finish(t, f)
}

// A rename over another name of the same item does nothing, and leaves both.
func TestStagedNameOfWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	f := linked(t, dir)
	e := first(t, f, 10, storage.Publication{})
	_, err := f.maker.stage(f.root(), e, true, func(state *tree.Dir, temp string) ([]tree.Loss, error) {
		return nil, f.root().dir.Link(e.Name, state, temp)
	})
	must(t, err)
	if left := stateNames(t, dir); len(left) > 0 {
		t.Errorf("state folder holds %q", left)
	}
	finish(t, f)
}
