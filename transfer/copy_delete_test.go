package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// mirror copies with Delete and returns what it deleted.
func mirror(t *testing.T, dst string, sources []send.Source, prepare func(*local.Options)) (saw *recorder, deleted []string, r transfer.Result, err error) {
	t.Helper()
	saw = new(recorder)
	o := local.Options{
		Send:    send.Options{Sources: sources, Observer: saw},
		Receive: receive.Options{OnConflict: transfer.ConflictOverwrite, Links: transfer.LinksAll},
		Delete:  &local.Delete{Max: 1000},
	}
	if prepare != nil {
		prepare(&o)
	}
	if !o.Send.DryRun {
		d, err := local.NewFolder(dst, local.FolderOptions{})
		must(t, err)
		defer func() { must(t, d.Close()) }()
		o.Receive.Destination = d
	}
	r, err = local.Copy(t.Context(), o)
	for _, d := range find[transfer.ItemDeleted](saw) {
		deleted = append(deleted, d.Path)
	}
	slices.Sort(deleted)
	count := int64(len(deleted))
	if errors.Is(err, local.ErrTooManyDeletions) {
		count = 0 // a dry run names them all the same
	}
	if r.Deleted != count {
		t.Errorf("%d are counted, deleted were %q", r.Deleted, deleted)
	}
	return saw, deleted, r, err
}

// dryMirror makes a mirror a dry run.
func dryMirror(t *testing.T, dst string) func(*local.Options) {
	return func(o *local.Options) {
		rehearsed(t, dst)(&o.Send, &o.Receive, nil)
	}
}

// layMirror makes a source and a copy of it that has more.
func layMirror(t *testing.T) (src, dst string) {
	src, dst = filepath.Join(t.TempDir(), "src"), t.TempDir()
	for _, name := range []string{"a", "d/b", "d/e/c", "keep/k"} {
		write(t, filepath.Join(src, name), 10, 1)
	}
	must(t, os.Mkdir(filepath.Join(src, "empty"), 0o755))
	if _, _, _, err := mirror(t, dst, contents(src), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "d/y", "d/e/z", "old/deep/er/o", "old/p", "empty/q"} {
		write(t, filepath.Join(dst, name), 10, 1)
	}
	return src, dst
}

func TestDeleteMakesAMirror(t *testing.T) {
	src, dst := layMirror(t)
	outside := t.TempDir()
	write(t, filepath.Join(outside, "f"), 10, 1)
	must(t, os.Symlink(outside, filepath.Join(dst, "old/out")))
	must(t, os.Symlink(outside, filepath.Join(dst, "d/out")))
	want := []string{"d/e/z", "d/out", "d/y", "empty/q", "old", "old/deep", "old/deep/er", "old/deep/er/o", "old/out", "old/p", "x"}

	before := snapshot(t, dst)
	_, would, r, err := mirror(t, dst, contents(src), dryMirror(t, dst))
	if err != nil || !slices.Equal(would, want) || !r.DryRun {
		t.Errorf("%v: it would delete %q, want %q", err, would, want)
	}
	if snapshot(t, dst) != before {
		t.Error("the dry run changed something")
	}
	_, deleted, r, err := mirror(t, dst, contents(src), nil)
	if err != nil || !slices.Equal(deleted, want) || !r.Durable || !r.Acknowledged {
		t.Errorf("%v: it deleted %q, want %q; %+v", err, deleted, want, r)
	}
	sameTree(t, src, dst)
	sameFile(t, filepath.Join(outside, "f"), filepath.Join(src, "a"))
	if _, deleted, _, err := mirror(t, dst, contents(src), nil); err != nil || deleted != nil {
		t.Errorf("%v: the second time it deleted %q", err, deleted)
	}
}

// Under the destination only what was sent as a whole is looked at.
func TestDeleteStaysInWhatWasSent(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "tree/a"), 10, 1)
	write(t, filepath.Join(src, "file"), 10, 1)
	write(t, filepath.Join(dst, "tree/extra"), 10, 1)
	write(t, filepath.Join(dst, "other/x"), 10, 1)
	write(t, filepath.Join(dst, "y"), 10, 1)
	_, deleted, _, err := mirror(t, dst, named(filepath.Join(src, "tree"), filepath.Join(src, "file")), nil)
	if err != nil || !slices.Equal(deleted, []string{"tree/extra"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	// The contents of one folder beside a file and another folder that are named.
	write(t, filepath.Join(src, "more/m"), 10, 1)
	_, deleted, _, err = mirror(t, dst, append(contents(filepath.Join(src, "more")), named(filepath.Join(src, "tree"), filepath.Join(src, "file"))...), nil)
	if err != nil || !slices.Equal(deleted, []string{"other", "other/x", "y"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

func TestDeleteLeavesAlone(t *testing.T) {
	src, dst := layMirror(t)
	rules, err := filter.Read(strings.NewReader("*.log\n/keep\nold/p\n"), "test")
	must(t, err)
	list, err := filter.New(rules)
	must(t, err)
	write(t, filepath.Join(dst, "d/n.log"), 10, 1)
	write(t, filepath.Join(dst, "keep/more"), 10, 1)
	write(t, filepath.Join(dst, "d/e/mine"), 10, 1)
	write(t, filepath.Join(dst, "d/.ferry-partial/part"), 10, 1)
	write(t, filepath.Join(dst, "gone/.ferry-partial/part"), 10, 1)
	write(t, filepath.Join(dst, "gone/g"), 10, 1)
	write(t, filepath.Join(src, "empty/.ferryignore"), 0, 1)
	must(t, os.WriteFile(filepath.Join(src, "empty/.ferryignore"), []byte("q\n"), 0o644))
	saw, deleted, _, err := mirror(t, dst, contents(src), func(o *local.Options) {
		o.Send.Select = tree.Selection{Rules: tree.RulesOf(list), IgnoreFile: filter.IgnoreFile}
		o.Delete.Keep = func(path string) bool { return path == "d/e/mine" }
	})
	if want := []string{"d/e/z", "d/y", "gone/g", "old/deep", "old/deep/er", "old/deep/er/o", "x"}; err != nil || !slices.Equal(deleted, want) {
		t.Errorf("%v: it deleted %q, want %q", err, deleted, want)
	}
	notices := find[transfer.Notice](saw)
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
	_, deleted, _, err := mirror(t, dst, contents(src), few) // there are 9
	if !errors.Is(err, local.ErrTooManyDeletions) || deleted != nil {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	for _, name := range []string{"x", "d/y", "d/e/z", "old/deep/er/o", "old/p", "empty/q"} {
		if _, err := os.Stat(filepath.Join(dst, name)); err != nil {
			t.Error(err)
		}
	}
	_, deleted, _, err = mirror(t, dst, contents(src), func(o *local.Options) {
		few(o)
		dryMirror(t, dst)(o)
	})
	if !errors.Is(err, local.ErrTooManyDeletions) || len(deleted) != 9 {
		t.Errorf("%v: it would delete %q", err, deleted)
	}
	_, deleted, _, err = mirror(t, dst, contents(src), func(o *local.Options) { o.Delete.Max = 9 })
	if err != nil || len(deleted) != 9 {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// after runs act once, when the receipt is in hand and before anything is deleted.
func after(act func()) func(*local.Options) {
	return func(o *local.Options) {
		o.Send.Observer.(*recorder).act = func(e transfer.Event) {
			if p, ok := e.(transfer.PhaseChanged); ok && p.Phase == transfer.PhaseComplete {
				act()
			}
		}
	}
}

// A source that is not what was delivered any more is no reason to delete: it may
// be another file system, or gone.
func TestDeleteDistrustsAChangedSource(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, src string) (safe []string){
		"a folder is emptied": func(t *testing.T, src string) []string {
			must(t, os.Remove(filepath.Join(src, "d/b")))
			return []string{"d/b", "d/y", "d/e/z"}
		},
		"another folder takes its place": func(t *testing.T, src string) []string {
			must(t, os.Rename(filepath.Join(src, "d/e"), filepath.Join(src, "..", "was")))
			must(t, os.Mkdir(filepath.Join(src, "d/e"), 0o755))
			return []string{"d/b", "d/e/c", "d/e/z", "d/y"}
		},
		"the source is emptied": func(t *testing.T, src string) []string {
			must(t, os.RemoveAll(filepath.Join(src, "a")))
			return []string{"a", "x", "old/p", "d/y"}
		},
		"another source takes its place": func(t *testing.T, src string) []string {
			must(t, os.Rename(src, src+"2"))
			must(t, os.Mkdir(src, 0o755))
			return []string{"a", "d/b"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			src, dst := layMirror(t)
			var safe []string
			_, deleted, _, err := mirror(t, dst, contents(src), after(func() { safe = change(t, src) }))
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
	must(t, err)
	_, deleted, _, err := mirror(t, dst, contents(src), after(func() {
		write(t, filepath.Join(src, "empty/q"), 1, 1)
		must(t, os.Chtimes(filepath.Join(src, "empty"), before.ModTime(), before.ModTime()))
	}))
	if err != nil || slices.Contains(deleted, "empty/q") || !slices.Contains(deleted, "x") {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// Nothing is deleted unless everything was delivered.
func TestDeleteComesAfterSuccessOnly(t *testing.T) {
	src, dst := layMirror(t)
	write(t, filepath.Join(src, "f/g"), 10, 1)
	must(t, os.Symlink("g", filepath.Join(src, "f", filter.IgnoreFile))) // no rules can be read there
	before := snapshot(t, dst)
	_, deleted, r, err := mirror(t, dst, contents(src), obeyIgnoreFiles)
	if !errors.Is(err, transfer.ErrIncomplete) || deleted != nil || r.Failed != 1 {
		t.Errorf("%v: it deleted %q; %+v", err, deleted, r)
	}
	if now := snapshot(t, dst); len(now) != len(before) {
		t.Errorf("something is gone:\n%s\nof\n%s", now, before)
	}
}

// A source may lie in the destination, where it is extra.
func TestDeleteSparesItsSource(t *testing.T) {
	dst := t.TempDir()
	src := filepath.Join(dst, "in", "src")
	write(t, filepath.Join(src, "a"), 10, 1)
	write(t, filepath.Join(dst, "in", "b"), 10, 1)
	_, deleted, _, err := mirror(t, dst, contents(src), nil)
	if err != nil || !slices.Equal(deleted, []string{"in/b"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	sameFile(t, filepath.Join(src, "a"), filepath.Join(dst, "a"))
}

func TestDeleteFollowsTheSourcesLinks(t *testing.T) {
	src, dst, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "a"), 10, 1)
	must(t, os.Symlink(elsewhere, filepath.Join(src, "d")))
	write(t, filepath.Join(dst, "d/x"), 10, 1)
	_, deleted, _, err := mirror(t, dst, contents(src), func(o *local.Options) { o.Send.Follow = true })
	if err != nil || !slices.Equal(deleted, []string{"d/x"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// What cannot be deleted is a failed item, and the rest goes on.
func TestDeleteReportsWhatStays(t *testing.T) {
	src, dst := layMirror(t)
	if os.Getuid() == 0 {
		t.Skip("root may remove everything")
	}
	must(t, os.Chmod(filepath.Join(dst, "old/deep"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dst, "old/deep"), 0o755) })
	_, deleted, r, err := mirror(t, dst, contents(src), nil)
	if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 1 || slices.Contains(deleted, "old") || !slices.Contains(deleted, "x") {
		t.Errorf("%v: it deleted %q; %+v", err, deleted, r)
	}
}

func TestDeleteKeepsTimes(t *testing.T) {
	src, dst := layMirror(t)
	must(t, os.Chtimes(filepath.Join(src, "d"), time.Unix(1e9, 7), time.Unix(1e9, 7)))
	if _, _, _, err := mirror(t, dst, contents(src), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "d", "d/e", "empty"} {
		a, err := os.Stat(filepath.Join(src, name))
		must(t, err)
		b, err := os.Stat(filepath.Join(dst, name))
		must(t, err)
		if !a.ModTime().Equal(b.ModTime()) {
			t.Errorf("%q is of %v, want %v", name, b.ModTime(), a.ModTime())
		}
	}
}
