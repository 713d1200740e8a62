package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// layKinds makes a source and a destination that has folders in the place of other
// items, and the reverse.
func layKinds(t *testing.T) (src, dst string) {
	src, dst = filepath.Join(t.TempDir(), "src"), t.TempDir()
	for _, name := range []string{"a", "d/small", "in/x/y"} {
		deliverytest.Write(t, filepath.Join(src, name), 10, 1)
	}
	deliverytest.Write(t, filepath.Join(src, "d/large"), 3*deliverytest.MiB, 1)
	if link := filepath.Join(src, "link"); !treetest.Symlink(t, "nowhere", link) {
		deliverytest.Write(t, link, 10, 1)
	}
	for _, name := range []string{"a/1/2/3", "a/4", "d/small/x", "d/large/deep/x", "link/f", "extra"} {
		deliverytest.Write(t, filepath.Join(dst, name), 10, 2)
	}
	deliverytest.Write(t, filepath.Join(dst, "in"), 10, 2)
	return src, dst
}

var inTheWay = []string{
	"a", "a/1", "a/1/2", "a/1/2/3", "a/4", "d/large", "d/large/deep", "d/large/deep/x", "d/small", "d/small/x", "extra", "in", "link", "link/f",
}

// What is of another kind at the source takes the place of what is there, and a
// second run has nothing to do.
func TestDeleteLetsKindsChange(t *testing.T) {
	src, dst := layKinds(t)
	before := deliverytest.Snapshot(t, dst)
	drySaw, would, dry, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), deliverytest.DryMirror(t, dst))
	if err != nil || !slices.Equal(would, inTheWay) {
		t.Errorf("%v: it would delete %q, want %q; %v", err, would, inTheWay, dry.Failures)
	}
	if deliverytest.Snapshot(t, dst) != before {
		t.Error("the dry run changed something")
	}
	saw, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if err != nil || !slices.Equal(deleted, inTheWay) || !r.Durable {
		t.Errorf("%v: it deleted %q, want %q; %v", err, deleted, inTheWay, r.Failures)
	}
	if r.Delivered != dry.Delivered || r.Replaced != dry.Replaced || r.Same != dry.Same || r.Deleted != dry.Deleted || r.Replaced != 4 {
		t.Errorf("%+v, and then %+v", dry, r)
	}
	for _, d := range deliverytest.Find[transfer.ItemDone](drySaw) {
		if !slices.ContainsFunc(deliverytest.Find[transfer.ItemDone](saw), func(o transfer.ItemDone) bool { return o.At == d.At && o.Status == d.Status }) {
			t.Errorf("%s: %v, and then not", d.At, d.Status)
		}
	}
	deliverytest.SameTree(t, src, dst)
	saw, deleted, r, err = deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if err != nil || deleted != nil || r.Delivered != 0 || r.Adjusted != 0 {
		t.Errorf("again: %v: it deleted %q; %+v", err, deleted, r)
	}
	if n := deliverytest.Find[transfer.Notice](saw); n != nil {
		t.Errorf("notices %v", n)
	}
}

// Without Delete, and without leave to overwrite, nothing makes way.
func TestKindsStayWithoutDelete(t *testing.T) {
	for name, prepare := range map[string]func(*local.Options){
		"no delete":   func(o *local.Options) { o.Delete = nil },
		"fail":        func(o *local.Options) { o.Receive.OnConflict = transfer.ConflictFail },
		"few allowed": func(o *local.Options) { o.Delete.Max = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			src, dst := layKinds(t)
			_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), prepare)
			if !errors.Is(err, transfer.ErrIncomplete) || deleted != nil || r.Failed != 7 { // a, link, d/large, d/small; in, in/x and in/x/y
				t.Errorf("%v: it deleted %q; %d failed: %v", err, deleted, r.Failed, r.Failures)
			}
			for _, p := range inTheWay {
				if _, err := os.Lstat(filepath.Join(dst, p)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What is moved aside is not lost while something fails, and goes with the first
// copy that ends well.
func TestWhatMadeWayIsKeptUntilAllIsDelivered(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src, dst := layKinds(t)
	deliverytest.Write(t, filepath.Join(src, "b/c"), 10, 1)
	deliverytest.Must(t, os.Symlink("c", filepath.Join(src, "b", filter.IgnoreFile)))
	rules := deliverytest.ObeyIgnoreFiles
	saw, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), rules)
	if !errors.Is(err, transfer.ErrIncomplete) || deleted != nil {
		t.Fatalf("%v: it deleted %q", err, deleted)
	}
	var kept []string
	for _, n := range deliverytest.Find[transfer.Notice](saw) {
		text := n.Err.Error()
		kept = append(kept, text[len("was "):strings.Index(text, ":")])
		if _, err := os.Lstat(filepath.Join(dst, n.Path)); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(kept)
	if !slices.Equal(kept, []string{"a", "d/large", "d/small", "in", "link"}) {
		t.Errorf("told to be kept: %q", kept)
	}
	var found []string
	deliverytest.Must(t, filepath.WalkDir(filepath.Join(dst, tree.PartialName), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, filepath.Base(p))
		}
		return err
	}))
	if len(found) != 6 { // 3, 4, x, x, f, and in
		t.Errorf("kept are %q", found)
	}
	// Another delivery leaves it alone, and says so.
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	aside := 0
	for _, n := range deliverytest.Find[transfer.Notice](s.ReceiveSaw) {
		if strings.HasSuffix(n.Path, ".aside") {
			aside++
		}
	}
	if aside != 5 {
		t.Errorf("%d of 5 are told of", aside)
	}
	deliverytest.Must(t, os.Remove(filepath.Join(src, "b", filter.IgnoreFile)))
	_, would, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), deliverytest.DryMirror(t, dst))
	_, deleted, r, _ := deliverytest.Mirror(t, dst, deliverytest.Contents(src), rules)
	if !slices.Equal(would, deleted) {
		t.Errorf("it would delete %q, and deleted %q", would, deleted)
	}
	if err != nil || r.Deleted != 15 { // those in the way, extra, and the link that was the rule file
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	deliverytest.SameTree(t, src, dst)
}

// What may not be deleted makes no way, and neither does what is outside of the
// folders that are copied whole.
func TestWhatIsToStayMakesNoWay(t *testing.T) {
	excluded := func(patterns string) func(*local.Options) {
		return func(o *local.Options) {
			rules, err := filter.Read(strings.NewReader(patterns), "test")
			deliverytest.Must(t, err)
			list, err := filter.New(rules)
			deliverytest.Must(t, err)
			o.Send.Select.Rules = tree.RulesOf(list)
		}
	}
	for name, c := range map[string]struct {
		prepare func(*local.Options)
		stays   string
	}{
		"excluded":     {excluded("4\n"), "a/4"},
		"excluded way": {excluded("a/\n"), "a/4"},
		"anchored":     {excluded("/d/large/deep\n"), "d/large/deep/x"},
		"kept": {func(o *local.Options) {
			o.Delete.Keep = func(p string) bool { return p == "a/1/2/3" }
		}, "a/1/2/3"},
		"too many": {func(o *local.Options) { o.Delete.Max = 4 }, "a/1/2/3"},
	} {
		t.Run(name, func(t *testing.T) {
			src, dst := layKinds(t)
			_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), c.prepare)
			if !errors.Is(err, transfer.ErrIncomplete) || deleted != nil {
				t.Errorf("%v: it deleted %q; %v", err, deleted, r.Failures)
			}
			if _, err := os.Lstat(filepath.Join(dst, c.stays)); err != nil {
				t.Error(err)
			}
		})
	}
	src, dst := layKinds(t)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "d", filter.IgnoreFile), []byte("deep\n"), 0o644))
	_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), deliverytest.ObeyIgnoreFiles)
	if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 1 {
		t.Errorf("what a rule file leaves out: %v, %v", err, r.Failures)
	}
	if _, err := os.Lstat(filepath.Join(dst, "d/large/deep/x")); err != nil {
		t.Error(err)
	}
	src, dst = layKinds(t)
	_, _, r, err = deliverytest.Mirror(t, dst, deliverytest.Named(filepath.Join(src, "a"), filepath.Join(src, "d")), nil)
	if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 1 {
		t.Errorf("a named file in the place of a folder: %v, %v", err, r.Failures)
	}
	if _, err := os.Lstat(filepath.Join(dst, "a/1/2/3")); err != nil {
		t.Error(err)
	}
	// A named folder takes the place of a file, since it is copied whole.
	src, dst = layKinds(t)
	_, deleted, _, err := deliverytest.Mirror(t, dst, deliverytest.Named(filepath.Join(src, "in")), nil)
	if err != nil || !slices.Equal(deleted, []string{"in"}) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

// More than are allowed: neither what is in the way nor what is extra goes, though
// the one has made way by then.
func TestWhatMadeWayCountsAsDeleted(t *testing.T) {
	src, dst := layKinds(t)
	_, _, few, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) { o.Delete.Max = 5 })
	if !errors.Is(err, transfer.ErrIncomplete) || few.Failed != 6 { // all but a, which takes five
		t.Errorf("%v, %v", err, few.Failures)
	}
	src, dst = layKinds(t)
	saw, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) { o.Delete.Max = int64(len(inTheWay)) - 1 })
	if !errors.Is(err, local.ErrTooManyDeletions) || deleted != nil || r.Failed != 0 {
		t.Errorf("%v: it deleted %q; %v", err, deleted, r.Failures)
	}
	if n := deliverytest.Find[transfer.Notice](saw); len(n) != 5 {
		t.Errorf("told to be kept: %v", n)
	}
	if _, err := os.Lstat(filepath.Join(dst, "extra")); err != nil {
		t.Error(err)
	}
	if _, deleted, _, err = deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil || len(deleted) != len(inTheWay) {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	deliverytest.SameTree(t, src, dst)
}
