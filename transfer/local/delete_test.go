package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// layMirror makes a source and a copy of it that has more.
func layMirror(t *testing.T) (src, dst string) {
	src, dst = filepath.Join(t.TempDir(), "src"), t.TempDir()
	for _, name := range []string{"a", "d/b", "d/e/c", "keep/k"} {
		deliverytest.Write(t, filepath.Join(src, name), 10, 1)
	}
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "empty"), 0o755))
	if _, _, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "d/y", "d/e/z", "old/deep/er/o", "old/p", "empty/q"} {
		deliverytest.Write(t, filepath.Join(dst, name), 10, 1)
	}
	return src, dst
}

func TestDeleteMakesAMirror(t *testing.T) {
	src, dst := layMirror(t)
	outside := t.TempDir()
	deliverytest.Write(t, filepath.Join(outside, "f"), 10, 1)
	want := []string{"d/e/z", "d/y", "empty/q", "old", "old/deep", "old/deep/er", "old/deep/er/o", "old/p", "x"}
	for _, link := range []string{"old/out", "d/out"} {
		if treetest.Symlink(t, outside, filepath.Join(dst, link)) {
			want = append(want, link)
		}
	}
	slices.Sort(want)

	before := deliverytest.Snapshot(t, dst)
	_, would, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), deliverytest.DryMirror(t, dst))
	if err != nil || !slices.Equal(would, want) || !r.DryRun {
		t.Errorf("%v: it would delete %q, want %q", err, would, want)
	}
	if deliverytest.Snapshot(t, dst) != before {
		t.Error("the dry run changed something")
	}
	_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if err != nil || !slices.Equal(deleted, want) || !r.Durable || !r.Acknowledged {
		t.Errorf("%v: it deleted %q, want %q; %+v", err, deleted, want, r)
	}
	deliverytest.SameTree(t, src, dst)
	deliverytest.SameFile(t, filepath.Join(outside, "f"), filepath.Join(src, "a"))
	if _, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil || deleted != nil {
		t.Errorf("%v: the second time it deleted %q", err, deleted)
	}
}

// Under the destination only what was sent as a whole is looked at.
func TestDeleteStaysInWhatWasSent(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "tree/a"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "file"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "tree/extra"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "other/x"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "y"), 10, 1)
	_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Named(filepath.Join(src, "tree"), filepath.Join(src, "file")), nil)
	if err != nil || !slices.Equal(deleted, []string{"tree/extra"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	// The contents of one folder beside a file and another folder that are named.
	deliverytest.Write(t, filepath.Join(src, "more/m"), 10, 1)
	_, deleted, _, err = deliverytest.Mirror(t, dst, append(deliverytest.Contents(filepath.Join(src, "more")), deliverytest.Named(filepath.Join(src, "tree"), filepath.Join(src, "file"))...), nil)
	if err != nil || !slices.Equal(deleted, []string{"other", "other/x", "y"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

func TestDeleteLeavesAlone(t *testing.T) {
	src, dst := layMirror(t)
	rules, err := filter.Read(strings.NewReader("*.log\n/keep\nold/p\n"), "test")
	deliverytest.Must(t, err)
	list, err := filter.New(rules)
	deliverytest.Must(t, err)
	deliverytest.Write(t, filepath.Join(dst, "d/n.log"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "keep/more"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "d/e/mine"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "d/.ferry-partial/part"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "gone/.ferry-partial/part"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "gone/g"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "empty/.ferryignore"), 0, 1)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "empty/.ferryignore"), []byte("q\n"), 0o644))
	saw, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
		o.Send.Select = tree.Selection{Rules: tree.RulesOf(list), IgnoreFile: filter.IgnoreFile}
		o.Delete.Keep = func(path string) bool { return path == "d/e/mine" }
	})
	if want := []string{"d/e/z", "d/y", "gone/g", "old/deep", "old/deep/er", "old/deep/er/o", "x"}; err != nil || !slices.Equal(deleted, want) {
		t.Errorf("%v: it deleted %q, want %q", err, deleted, want)
	}
	notices := deliverytest.Find[transfer.Notice](saw)
	if !slices.ContainsFunc(notices, func(n transfer.Notice) bool { return n.Path == "old" }) {
		t.Errorf("nothing was said of the folder that stays: %v", notices)
	}
	for _, name := range []string{"d/n.log", "keep/more", "d/e/mine", "d/.ferry-partial/part", "gone/.ferry-partial/part", "old/p", "empty/q"} {
		if _, err := os.Stat(filepath.Join(dst, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestDeleteRefusesTooMany(t *testing.T) {
	src, dst := layMirror(t)
	few := func(o *local.Options) { o.Delete.Max = 8 }
	_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), few) // there are 9
	if !errors.Is(err, local.ErrTooManyDeletions) || deleted != nil {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	for _, name := range []string{"x", "d/y", "d/e/z", "old/deep/er/o", "old/p", "empty/q"} {
		if _, err := os.Stat(filepath.Join(dst, name)); err != nil {
			t.Error(err)
		}
	}
	_, deleted, _, err = deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
		few(o)
		deliverytest.DryMirror(t, dst)(o)
	})
	if !errors.Is(err, local.ErrTooManyDeletions) || len(deleted) != 9 {
		t.Errorf("%v: it would delete %q", err, deleted)
	}
	_, deleted, _, err = deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) { o.Delete.Max = 9 })
	if err != nil || len(deleted) != 9 {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// after runs act once, when the receipt is in hand and before anything is deleted.
func after(act func()) func(*local.Options) {
	return func(o *local.Options) {
		var once sync.Once
		o.Send.Observer.(*deliverytest.Recorder).Act = func(e transfer.Event) {
			if p, ok := e.(transfer.PhaseChanged); ok && (p.Phase == transfer.PhaseComplete || p.Phase == transfer.PhaseDeleting) {
				once.Do(act)
			}
		}
	}
}

// A source that is not what was delivered any more is no reason to delete: it may
// be another file system, or gone.
func TestDeleteDistrustsAChangedSource(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, src string) (safe []string){
		"a folder is emptied": func(t *testing.T, src string) []string {
			deliverytest.Must(t, os.Remove(filepath.Join(src, "d/b")))
			return []string{"d/b", "d/y", "d/e/z"}
		},
		"another folder takes its place": func(t *testing.T, src string) []string {
			deliverytest.Must(t, os.Rename(filepath.Join(src, "d/e"), filepath.Join(src, "..", "was")))
			deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d/e"), 0o755))
			return []string{"d/b", "d/e/c", "d/e/z", "d/y"}
		},
		"the source is emptied": func(t *testing.T, src string) []string {
			deliverytest.Must(t, os.RemoveAll(filepath.Join(src, "a")))
			return []string{"a", "x", "old/p", "d/y"}
		},
		"another source takes its place": func(t *testing.T, src string) []string {
			deliverytest.Must(t, os.Rename(src, src+"2"))
			deliverytest.Must(t, os.Mkdir(src, 0o755))
			return []string{"a", "d/b"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "another source takes its place" {
				treetest.Needs(t, treetest.MovableRoots)
			}
			src, dst := layMirror(t)
			var safe []string
			_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), after(func() { safe = change(t, src) }))
			for _, p := range safe {
				if _, err := os.Lstat(filepath.Join(dst, p)); err != nil {
					t.Errorf("%v; it deleted %q", err, deleted)
				}
			}
			if name != "another source takes its place" && !errors.Is(err, transfer.ErrIncomplete) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// What comes to the source after it was walked is not deleted at the destination.
func TestDeleteSeesWhatCameSince(t *testing.T) {
	src, dst := layMirror(t)
	before, err := os.Stat(filepath.Join(src, "empty"))
	deliverytest.Must(t, err)
	_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), after(func() {
		deliverytest.Write(t, filepath.Join(src, "empty/q"), 1, 1)
		deliverytest.Must(t, os.Chtimes(filepath.Join(src, "empty"), before.ModTime(), before.ModTime()))
	}))
	if err != nil || slices.Contains(deleted, "empty/q") || !slices.Contains(deleted, "x") {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// Nothing is deleted unless everything was delivered.
func TestDeleteComesAfterSuccessOnly(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src, dst := layMirror(t)
	deliverytest.Write(t, filepath.Join(src, "f/g"), 10, 1)
	deliverytest.Must(t, os.Symlink("g", filepath.Join(src, "f", filter.IgnoreFile))) // no rules can be read there
	before := deliverytest.Snapshot(t, dst)
	_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), deliverytest.ObeyIgnoreFiles)
	if !errors.Is(err, transfer.ErrIncomplete) || deleted != nil || r.Failed != 1 {
		t.Errorf("%v: it deleted %q; %+v", err, deleted, r)
	}
	if now := deliverytest.Snapshot(t, dst); len(now) != len(before) {
		t.Errorf("something is gone:\n%s\nof\n%s", now, before)
	}
}

// A source may lie in the destination, where it is extra.
func TestDeleteSparesItsSource(t *testing.T) {
	dst := t.TempDir()
	src := filepath.Join(dst, "in", "src")
	deliverytest.Write(t, filepath.Join(src, "a"), 10, 1)
	deliverytest.Write(t, filepath.Join(dst, "in", "b"), 10, 1)
	_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if err != nil || !slices.Equal(deleted, []string{"in/b"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	deliverytest.SameFile(t, filepath.Join(src, "a"), filepath.Join(dst, "a"))
}

func TestDeleteFollowsTheSourcesLinks(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src, dst, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(elsewhere, "a"), 10, 1)
	deliverytest.Must(t, os.Symlink(elsewhere, filepath.Join(src, "d")))
	deliverytest.Write(t, filepath.Join(dst, "d/x"), 10, 1)
	_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) { o.Send.Follow = true })
	if err != nil || !slices.Equal(deleted, []string{"d/x"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// What cannot be deleted is a failed item, and the rest goes on.
func TestDeleteReportsWhatStays(t *testing.T) {
	src, dst := layMirror(t)
	switch {
	case os.Getuid() == 0:
		t.Skip("root may remove everything")
	case runtime.GOOS == "windows":
		inUse, err := os.Open(filepath.Join(dst, "old/deep/er/o")) // and nobody may remove it meanwhile
		deliverytest.Must(t, err)
		defer inUse.Close()
	default:
		deliverytest.Must(t, os.Chmod(filepath.Join(dst, "old/deep"), 0o555))
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(dst, "old/deep"), 0o755) })
	}
	_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 1 || slices.Contains(deleted, "old") || !slices.Contains(deleted, "x") {
		t.Errorf("%v: it deleted %q; %+v", err, deleted, r)
	}
}

func TestDeleteKeepsTimes(t *testing.T) {
	src, dst := layMirror(t)
	deliverytest.Must(t, os.Chtimes(filepath.Join(src, "d"), time.Unix(1e9, 7), time.Unix(1e9, 7)))
	if _, _, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "d", "d/e", "empty"} {
		a, err := os.Stat(filepath.Join(src, name))
		deliverytest.Must(t, err)
		b, err := os.Stat(filepath.Join(dst, name))
		deliverytest.Must(t, err)
		if !a.ModTime().Equal(b.ModTime()) {
			t.Errorf("%q is of %v, want %v", name, b.ModTime(), a.ModTime())
		}
	}
}

func TestNotDeletedWords(t *testing.T) {
	for want, e := range map[string]*local.NotDeletedError{
		"1 item was not deleted":          {Items: 1},
		"2 items were not deleted":        {Items: 2},
		"1 item would not be deleted":     {Items: 1, DryRun: true},
		"1000 items would not be deleted": {Items: 1000, DryRun: true},
	} {
		if e.Error() != want || !errors.Is(e, transfer.ErrIncomplete) {
			t.Errorf("%q, want %q", e, want)
		}
	}
}
