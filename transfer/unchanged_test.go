package transfer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree/treetest"
)

// A file that has another time and the same bytes stays the file that it is,
// whatever may be done about different ones, and gets the time.
func TestEqualFilesOfAnotherTimeStay(t *testing.T) {
	t.Parallel()
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictOverwrite, transfer.ConflictRename} {
		src, dst := t.TempDir(), t.TempDir()
		for _, size := range []int{0, 10, 100 << 10, deliverytest.MiB, 3*deliverytest.MiB + 5} {
			deliverytest.Write(t, filepath.Join(src, fmt.Sprint(size)), size, 1)
		}
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
		before := make(map[string]os.FileInfo)
		entries, err := os.ReadDir(src)
		deliverytest.Must(t, err)
		for _, e := range entries {
			before[e.Name()], err = os.Stat(filepath.Join(dst, e.Name()))
			deliverytest.Must(t, err)
			deliverytest.Must(t, os.Chtimes(filepath.Join(src, e.Name()), time.Unix(1e9, 5), time.Unix(1e9, 5)))
		}
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(policy)).OK(t)
		if s.Sent.Moved != 0 || s.Sent.Delivered != 0 || s.Sent.Same != int64(len(entries))+1 {
			t.Errorf("policy %d: %+v", policy, s.Sent)
		}
		for name, was := range before {
			if now, err := os.Stat(filepath.Join(dst, name)); err != nil || !os.SameFile(was, now) {
				t.Errorf("policy %d: %s is another file, %v", policy, name, err)
			}
		}
		deliverytest.SameTree(t, src, dst)
	}
}

// What took the place of an older item is told from what is new, on both sides.
func TestReplacedIsToldFromNew(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src, dst := t.TempDir(), t.TempDir()
	for _, size := range []int{0, 100, 2 * deliverytest.MiB} {
		deliverytest.Write(t, filepath.Join(src, fmt.Sprint(size)), size, 1)
		deliverytest.Write(t, filepath.Join(src, fmt.Sprint("new", size)), size, 1)
		deliverytest.Write(t, filepath.Join(dst, fmt.Sprint(size)), size+1, 2)
	}
	deliverytest.Must(t, os.Symlink("a", filepath.Join(src, "l")))
	deliverytest.Must(t, os.Symlink("b", filepath.Join(dst, "l")))
	deliverytest.Must(t, os.Symlink("a", filepath.Join(src, "m")))
	deliverytest.Write(t, filepath.Join(dst, "m"), 10, 2)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictOverwrite),
		func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Links = transfer.LinksAll }).OK(t)
	for _, r := range []transfer.Result{s.Sent, s.Received} {
		if r.Delivered != 8 || r.Replaced != 5 || r.Wire < r.Moved {
			t.Errorf("%+v", r)
		}
	}
	for _, saw := range []*deliverytest.Recorder{s.SendSaw, s.ReceiveSaw} {
		for _, d := range deliverytest.Find[transfer.ItemDone](saw) {
			replaced := d.At == "0" || d.At == "100" || d.At == fmt.Sprint(2*deliverytest.MiB) || d.At == "l" || d.At == "m"
			if replaced != (d.Status == transfer.StatusReplaced) {
				t.Errorf("%s: %v", d.At, d.Status)
			}
		}
	}
}
