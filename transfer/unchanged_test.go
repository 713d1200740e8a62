package transfer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

// A file that has another time and the same bytes stays the file that it is,
// whatever may be done about different ones, and gets the time.
func TestEqualFilesOfAnotherTimeStay(t *testing.T) {
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictOverwrite, transfer.ConflictRename} {
		src, dst := t.TempDir(), t.TempDir()
		for _, size := range []int{0, 10, 100 << 10, mib, 3*mib + 5} {
			write(t, filepath.Join(src, fmt.Sprint(size)), size, 1)
		}
		deliver(t, t.Context(), dst, contents(src)).ok(t)
		before := make(map[string]os.FileInfo)
		entries, err := os.ReadDir(src)
		must(t, err)
		for _, e := range entries {
			before[e.Name()], err = os.Stat(filepath.Join(dst, e.Name()))
			must(t, err)
			must(t, os.Chtimes(filepath.Join(src, e.Name()), time.Unix(1e9, 5), time.Unix(1e9, 5)))
		}
		s := deliver(t, t.Context(), dst, contents(src), withPolicy(policy)).ok(t)
		if s.sent.Moved != 0 || s.sent.Delivered != 0 || s.sent.Same != int64(len(entries))+1 {
			t.Errorf("policy %d: %+v", policy, s.sent)
		}
		for name, was := range before {
			if now, err := os.Stat(filepath.Join(dst, name)); err != nil || !os.SameFile(was, now) {
				t.Errorf("policy %d: %s is another file, %v", policy, name, err)
			}
		}
		sameTree(t, src, dst)
	}
}

// What took the place of an older item is told from what is new, on both sides.
func TestReplacedIsToldFromNew(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, size := range []int{0, 100, 2 * mib} {
		write(t, filepath.Join(src, fmt.Sprint(size)), size, 1)
		write(t, filepath.Join(src, fmt.Sprint("new", size)), size, 1)
		write(t, filepath.Join(dst, fmt.Sprint(size)), size+1, 2)
	}
	must(t, os.Symlink("a", filepath.Join(src, "l")))
	must(t, os.Symlink("b", filepath.Join(dst, "l")))
	must(t, os.Symlink("a", filepath.Join(src, "m")))
	write(t, filepath.Join(dst, "m"), 10, 2)
	s := deliver(t, t.Context(), dst, contents(src), withPolicy(transfer.ConflictOverwrite),
		func(_ *send.Options, r *receive.Options, _ *sides) { r.Links = transfer.LinksAll }).ok(t)
	for _, r := range []transfer.Result{s.sent, s.received} {
		if r.Delivered != 8 || r.Replaced != 5 || r.Wire < r.Moved {
			t.Errorf("%+v", r)
		}
	}
	for _, saw := range []*recorder{s.sendSaw, s.receiveSaw} {
		for _, d := range find[transfer.ItemDone](saw) {
			replaced := d.At == "0" || d.At == "100" || d.At == fmt.Sprint(2*mib) || d.At == "l" || d.At == "m"
			if replaced != (d.Status == transfer.StatusReplaced) {
				t.Errorf("%s: %v", d.At, d.Status)
			}
		}
	}
}
