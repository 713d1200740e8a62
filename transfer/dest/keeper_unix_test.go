//go:build unix

package dest

import (
	"os"
	"path/filepath"
	"testing"

	"ferry/transfer/tree"
)

// Two files of a delivery that stand there as one get each its own mode, a third name
// keeps what it has, and a second delivery changes nothing.
func TestTouchedFileHasItsOwnMode(t *testing.T) {
	for _, size := range []int{0, 100, 2*chunk + 7} {
		dir := t.TempDir()
		data := content(size, 9)
		at := func(name string) string { return filepath.Join(dir, name) }
		must(t, os.WriteFile(at("a"), data, 0o644))
		must(t, os.Link(at("a"), at("b")))
		must(t, os.Link(at("a"), at("outside")))
		a, b := fileEntry("a", size), fileEntry("b", size)
		a.ID, a.Mode, b.ID, b.Mode = 1, 0o600, 2, 0o640
		must(t, os.Chtimes(at("a"), a.MTime.Std(), a.MTime.Std()))
		for round, want := range []int{2, 0} {
			f := open(t, dir, Options{VerifyDisk: true})
			adjusted := 0
			for _, e := range []*tree.Entry{a, b} {
				out, err := f.Touch(e)
				must(t, err)
				if out.Adjusted {
					adjusted++
				}
			}
			finish(t, f)
			if adjusted != want {
				t.Errorf("%d bytes, round %d: %d adjusted, want %d", size, round, adjusted, want)
			}
		}
		same(t, at("a"), data, a)
		same(t, at("b"), data, b)
		a.Mode = 0o644
		same(t, at("outside"), data, a)
		wantNames(t, dir, "a", "b", "outside")
	}
}

// With hard links granted, a file whose further names are its links keeps them, and
// none of another entry.
func TestTouchedHardLinksStayOne(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("first"), []byte("abc"), 0o644))
	for _, name := range []string{"kept", "other", "second"} {
		must(t, os.Link(at("first"), at(name)))
	}
	kept, first, other := fileEntry("kept", 3), fileEntry("first", 3), fileEntry("other", 3)
	kept.ID, kept.Mode = 1, 0o644
	first.ID, first.Mode, first.Linked = 2, 0o600, true
	other.ID, other.Mode = 4, 0o640
	must(t, os.Chtimes(at("first"), first.MTime.Std(), first.MTime.Std()))
	f := linked(t, dir)
	must2(t)(f.Touch(kept))
	must2(t)(f.Touch(first))
	if out, err := f.MakeHardLink(linkEntry(3, 2, "second"), true); err != nil || out.Same {
		t.Errorf("same %v, %v", out.Same, err)
	}
	must2(t)(f.Touch(other))
	finish(t, f)
	for _, e := range []*tree.Entry{kept, first, other} {
		same(t, at(e.Name), []byte("abc"), e)
	}
	if !sameInode(t, at("first"), at("second")) {
		t.Error("two files")
	}

	before, err := os.Lstat(at("first"))
	must(t, err)
	f = linked(t, dir)
	first.Mode = 0o640
	must2(t)(f.Touch(first))
	if out, err := f.MakeHardLink(linkEntry(3, 2, "second"), false); err != nil || !out.Same {
		t.Errorf("same %v, %v", out.Same, err)
	}
	finish(t, f)
	now, err := os.Lstat(at("second"))
	must(t, err)
	if !os.SameFile(before, now) || now.Mode().Perm() != 0o640 {
		t.Errorf("broken up, or mode %v", now.Mode())
	}
}

// What has no content is treated likewise.
func TestTouchedLinkHasItsOwnTime(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Symlink("x", at("a")))
	must(t, os.Link(at("a"), at("b")))
	before, err := os.Lstat(at("b"))
	must(t, err)
	f := open(t, dir, Options{})
	e := &tree.Entry{ID: 1, Kind: tree.Symlink, Name: "a", Target: "x", MTime: tree.Time{Sec: 1e9}}
	if out, err := f.MakeLink(e, false); err != nil || !out.Same {
		t.Errorf("same %v, %v", out.Same, err)
	}
	finish(t, f)
	now, err := os.Lstat(at("b"))
	must(t, err)
	if !now.ModTime().Equal(before.ModTime()) || sameInode(t, at("a"), at("b")) {
		t.Error("the other name got the time too")
	}
	wantNames(t, dir, "a", "b")
}
