package dest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestTraits(t *testing.T) {
	for _, name := range []string{"a", "a.b", ".a", "a b", "ä", "日本", "a+b,c;d=e[f]", "cons", "x.con", "~$a"} {
		if !plain(name) {
			for _, trait := range traits {
				if trait.has(name) {
					t.Errorf("%q has a name %s", name, trait.what)
				}
			}
		}
	}
	for i, trait := range traits {
		for j, other := range traits {
			if other.has(trait.probe) != (i == j) || plain(trait.probe) {
				t.Errorf("%q is tried for a name %s, and is one %s", trait.probe, trait.what, other.what)
			}
		}
	}
}

// A volume is asked once about what the names have that come, and not at all about
// others.
func TestNamesAskedEarly(t *testing.T) {
	treetest.Needs(t, treetest.AnyName)
	dir := t.TempDir()
	f := open(t, dir, Options{})
	must(t, f.MayPut(fileEntry("plain name.txt", 1)))
	if f.root().vol.state.used() {
		t.Error("the volume was asked about a plain name")
	}
	must(t, f.MayPut(fileEntry("a:b?c", 1)))
	if rules := &f.root().vol.rules; !rules.asked[0] || !rules.asked[1] || rules.asked[2] {
		t.Errorf("asked about %v", rules.asked)
	}
	if got := stateNames(t, dir); len(got) != 0 {
		t.Errorf("left in the state folder: %q", got)
	}
	// As if it had refused them.
	f.root().vol.rules.bad[1] = true
	f.root().vol.rules.longest = 20
	for name, want := range map[string]string{"d?": "'?'", "a:b?": "", "d:": "-", strings.Repeat("x", 21): "21 bytes"} {
		err := f.MayPut(fileEntry(name, 1))
		if want == "-" {
			must(t, err)
			continue
		}
		wantKind(t, err, storage.Name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	finish(t, f)
	wantNames(t, dir)
}

// What a file system says of a name is about that item; of a folder that is gone it is
// about all.
func TestNameErrors(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	_, err := f.MakeFolder(folderEntry(1, 0, "sub"))
	must(t, err)
	n, err := f.nodes.get(1)
	must(t, err)
	for _, number := range []error{syscall.ENOENT, syscall.EINVAL, syscall.EILSEQ, syscall.ENAMETOOLONG} {
		wantKind(t, fail("publishing", "sub/x", n.named("x", number)), storage.Name)
	}
	for _, other := range []error{nil, syscall.EIO, tree.ErrReplaced, syscall.EACCES} {
		if got := n.named("x", other); !errors.Is(got, other) || errors.Is(got, tree.ErrName) {
			t.Errorf("%v is %v", other, got)
		}
	}
	must(t, f.root().dir.Remove("sub", true))
	wantKind(t, fail("publishing", "sub/x", n.named("x", syscall.ENOENT)), storage.Gone)
}

// A file system that refuses what is done with an item that is there takes its name.
func TestNameThatIsThereIsTaken(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	must(t, os.WriteFile(filepath.Join(dir, "there"), nil, 0o600))
	for name, want := range map[string]storage.Kind{"there": storage.Unsupported, "new": storage.Name} {
		err := &os.LinkError{Op: "rename", Old: "x", New: name, Err: syscall.EINVAL}
		if got := classify(f.root().named(name, err)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
