package dest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"ferry/transfer/internal/mirror"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// mirrored opens dst as a copy of what is in src, in which all may make way, and
// prunes it when told.
func mirrored(t *testing.T, src, dst string) (f *delivery, prune func() []string) {
	t.Helper()
	dirs := tree.NewDirs(4)
	t.Cleanup(func() { must(t, dirs.Close()) })
	from, err := mirror.Open(dirs, tree.Source{Path: src, Contents: true}, &mirror.Rules{})
	must(t, err)
	folder, err := Open(dst, Options{})
	must(t, err)
	t.Cleanup(func() { must(t, folder.Close()) })
	p := &storage.Prune{Sources: []storage.PruneSource{from}, Mirror: storage.Mirror{Max: 100}}
	folder.MakeWay(p)
	f, err = started(folder, tree.Metadata{})
	must(t, err)
	return f, func() (removed []string) {
		t.Helper()
		all := *p
		all.Removed = func(path string, _ tree.Info) { removed = append(removed, path) }
		all.Failed = func(path string, err error) { t.Errorf("%s: %v", path, err) }
		all.Left = func(path string) { t.Errorf("%s is left", path) }
		must(t, f.Prune(t.Context(), &all))
		slices.Sort(removed)
		return removed
	}
}

// having makes a source with one file.
func having(t *testing.T, name string) string {
	t.Helper()
	src := t.TempDir()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o755))
	must(t, os.WriteFile(filepath.Join(src, name), nil, 0o644))
	if above := filepath.Dir(name); above != "." {
		must(t, os.Chtimes(filepath.Join(src, above), testTime.Std(), testTime.Std()))
	}
	return src
}

// layFolder makes a folder with something in it.
func layFolder(t *testing.T, path string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(path, "sub"), 0o755))
	must(t, os.WriteFile(filepath.Join(path, "sub", "mine"), []byte("mine"), 0o644))
}

func TestFolderMakesWay(t *testing.T) {
	for _, size := range []int{0, 100, 2*chunk + 1} {
		dst := t.TempDir()
		at := filepath.Join(dst, "f")
		layFolder(t, at)
		f, prune := mirrored(t, having(t, "f"), dst)
		b := content(size, 1)
		e := fileEntry("f", size)
		must(t, (&clearer{f.nodes, f.way}).Clear(e))
		there, err := f.Stat(e)
		must(t, err)
		pub := sealed(t, f, e, b)
		pub.Replace, pub.Expect = true, &there
		publish(t, f, pub)
		finish(t, f)
		same(t, at, b, e)
		// It is kept, whole, until Prune.
		kept, err := filepath.Glob(filepath.Join(dst, tree.PartialName, "*.aside"))
		if err != nil || len(kept) != 1 {
			t.Fatal(kept, err)
		}
		holds(t, filepath.Join(kept[0], "sub", "mine"), []byte("mine"))
		if got := f.Asides(); len(got) != 1 || got[tree.PartialName+"/"+filepath.Base(kept[0])] != "f" {
			t.Errorf("aside are %q", got)
		}
		if got := prune(); !slices.Equal(got, []string{"f", "f/sub", "f/sub/mine"}) {
			t.Errorf("removed %q", got)
		}
		wantNames(t, dst, "f")
		if got := f.Asides(); len(got) > 0 {
			t.Errorf("aside are still %q", got)
		}
	}
}

// Where the system cannot exchange two names, and where the second step of that
// fails, the folder is back in its place, and the content where it was.
func TestFolderMakesWayInSteps(t *testing.T) {
	dst := t.TempDir()
	layFolder(t, filepath.Join(dst, "f"))
	f, prune := mirrored(t, having(t, "f"), dst)
	must(t, f.root().vol.state.in(func(dir *tree.Dir) error {
		inSteps := func(temp string) error {
			return f.way.displace(f.root(), "f", func() error { return dir.Rename(temp, f.root().dir, "f", false) })
		}
		if err := inSteps("absent"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("nothing in the place of a folder: %v", err)
		}
		holds(t, filepath.Join(dst, "f", "sub", "mine"), []byte("mine"))
		if got := f.Asides(); len(got) > 0 {
			t.Errorf("aside are %q", got)
		}
		must(t, os.WriteFile(filepath.Join(dst, tree.PartialName, "new"), []byte("new"), 0o644))
		return inSteps("new")
	}))
	holds(t, filepath.Join(dst, "f"), []byte("new"))
	if got := prune(); len(got) != 3 {
		t.Errorf("removed %q", got)
	}
	wantNames(t, dst, "f")
}

// What comes into the folder between Clear and publication, and is to stay, keeps
// it where it is, and the item can be tried again.
func TestFolderThatIsToStayByThenMakesNoWay(t *testing.T) {
	dst := t.TempDir()
	at := filepath.Join(dst, "f")
	layFolder(t, at)
	f, _ := mirrored(t, having(t, "f"), dst)
	f.way.leave.Keep = func(path string) bool { return path == "f/sub/late" }
	e := fileEntry("f", 2*chunk)
	must(t, (&clearer{f.nodes, f.way}).Clear(e))
	there, err := f.Stat(e)
	must(t, err)
	pub := sealed(t, f, e, content(2*chunk, 1))
	pub.Replace, pub.Expect = true, &there
	must(t, os.WriteFile(filepath.Join(at, "sub", "late"), []byte("late"), 0o644))
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.OtherKind)
	holds(t, filepath.Join(at, "sub", "late"), []byte("late"))
	if got := stateNames(t, dst); len(got) != 2 || filepath.Ext(got[0]) != partSuffix {
		t.Errorf("the state folder has %q", got)
	}
	wantKind(t, (&clearer{f.nodes, f.way}).Clear(e), storage.OtherKind)
	must(t, pub.Partial.Discard(false))
}

// A file makes way for a folder, with what that may inherit from where it is.
func TestFileMakesWayForFolder(t *testing.T) {
	dst := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dst, "d"), []byte("mine"), 0o600))
	f, prune := mirrored(t, having(t, "d/in"), dst)
	e := folderEntry(1, 0, "d")
	if out, err := f.MakeFolder(e); out.Same || err != nil {
		t.Fatalf("%v, %v", out, err)
	}
	in := fileEntry("in", 3)
	in.Parent = 1
	publish(t, f, sealed(t, f, in, []byte("new")))
	must2(t)(f.FinishFolder(e))
	finish(t, f)
	holds(t, filepath.Join(dst, "d", "in"), []byte("new"))
	if got := prune(); !slices.Equal(got, []string{"d"}) {
		t.Errorf("removed %q", got)
	}
	wantNames(t, dst, "d")
}

// Prune finds what a run left that was killed, and Leftovers what nobody prunes.
func TestAsidesOfEarlierRuns(t *testing.T) {
	dst := t.TempDir()
	name := asideName()
	must(t, os.Mkdir(filepath.Join(dst, tree.PartialName), 0o700))
	layFolder(t, filepath.Join(dst, tree.PartialName, name))
	at := tree.PartialName + "/" + name
	f := open(t, dst, Options{})
	left, err := f.leftovers()
	must(t, err)
	if !slices.Equal(left, []storage.Leftover{{Path: at, Aside: true}}) {
		t.Errorf("left over are %v", left)
	}
	must(t, f.Close())
	f, prune := mirrored(t, t.TempDir(), dst)
	finish(t, f)
	if got := prune(); !slices.Equal(got, []string{at, at + "/sub", at + "/sub/mine"}) {
		t.Errorf("removed %q", got)
	}
	wantNames(t, dst)
}

func TestNothingMakesWayUnasked(t *testing.T) {
	dst := t.TempDir()
	layFolder(t, filepath.Join(dst, "f"))
	f := open(t, dst, Options{})
	e := fileEntry("f", 3)
	there, err := f.Stat(e)
	must(t, err)
	pub := sealed(t, f, e, []byte("new"))
	pub.Replace, pub.Expect = true, &there
	_ = f.Publish([]*storage.Publication{pub})
	if pub.Err == nil || errors.Is(pub.Err, syscall.EIO) {
		t.Errorf("published: %v", pub.Err)
	}
	_, err = f.MakeLink(&tree.Entry{Kind: tree.Symlink, Name: "f", Target: "x"}, true)
	wantKind(t, err, storage.OtherKind)
	holds(t, filepath.Join(dst, "f", "sub", "mine"), []byte("mine"))
	must(t, pub.Partial.Discard(false))
}
