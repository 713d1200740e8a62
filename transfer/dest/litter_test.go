package dest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A run that is killed between the name and the clearing up leaves a tree file
// whose part has become the final file. Nobody would ever ask for it.
func TestTreeWithoutPartIsRemoved(t *testing.T) {
	dir := t.TempDir()
	b := content(2*chunk, 1)
	interrupt(t, dir, fileEntry("left", len(b)), b, all)
	state := filepath.Join(dir, tree.PartialName)
	for _, name := range stateNames(t, dir) {
		if strings.HasSuffix(name, partSuffix) {
			must(t, os.Rename(filepath.Join(state, name), filepath.Join(dir, "left")))
		}
	}
	f := open(t, dir, Options{})
	left, err := f.leftovers()
	must(t, err)
	if len(left) != 0 {
		t.Errorf("leftovers are %v", left)
	}
	finish(t, f)
	wantNames(t, dir, "left")
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	b := content(2*chunk, 1)
	interrupt(t, dir, fileEntry("left", len(b)), b, all)
	state := filepath.Join(dir, tree.PartialName)
	for _, name := range []string{tempName(), "notes.txt", "x.part"} {
		must(t, os.WriteFile(filepath.Join(state, name), nil, 0o600))
	}
	must(t, os.Mkdir(filepath.Join(state, "folder"), 0o700))
	all := stateNames(t, dir)
	f, g := open(t, dir, Options{}), open(t, dir, Options{})
	g.root().vol.noUnnamed.Store(true)
	held, err := g.Begin(fileEntry("held", len(b)))
	must(t, err)
	small, err := f.Begin(fileEntry("small", 1))
	must(t, err)
	f.root().vol.noUnnamed.Store(true)
	must(t, put(small, []byte("x")))

	got, err := f.leftovers()
	must(t, err)
	want := make([]string, len(all))
	for i, name := range all {
		want[i] = tree.PartialName + "/" + name
	}
	if paths := pathsOf(got); strings.Join(paths, " ") != strings.Join(want, " ") {
		t.Errorf("leftovers are %q, want %q", paths, want)
	}

	f.now = func() time.Time { return time.Now().Add(maxLitterAge + time.Minute) }
	got, err = f.leftovers()
	must(t, err)
	if len(got) != 3 {
		t.Errorf("after 30 days the leftovers are %v, want the foreign ones", got)
	}
	for _, name := range []string{held.body.name, held.key + treeSuffix, small.body.name, "folder", "notes.txt", "x.part"} {
		if _, err := os.Lstat(filepath.Join(state, name)); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
	if got := stateNames(t, dir); len(got) != 6 {
		t.Errorf("the state folder holds %q", got)
	}
	must(t, held.Discard(false))
	must(t, small.Discard(false))
}

func pathsOf(left []storage.Leftover) (list []string) {
	for _, l := range left {
		list = append(list, l.Path)
	}
	return list
}
