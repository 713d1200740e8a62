package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree/treetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, deliverytest.CertCleanups()...) }

func TestTree(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "made", "on the way")
	for i, n := range []int{0, 1, 1023, 1024, 1025, 64<<10 - 1, 64 << 10, 64<<10 + 1, deliverytest.MiB - 1, deliverytest.MiB, deliverytest.MiB + 1, 2 * deliverytest.MiB, 3*deliverytest.MiB + deliverytest.MiB/2, 10*deliverytest.MiB + 7} {
		deliverytest.Write(t, filepath.Join(src, fmt.Sprintf("sizes/%d", n)), n, uint64(i))
	}
	names := []string{"-rf", "ünï", ".hidden", string(bytes.Repeat([]byte("n"), 255))}
	if treetest.Has(t, treetest.AnyName) {
		names = append(names, "new\nline", "esc\x1b[31mred", "\xff\xfe", "space ", "a\\b")
	}
	for i, name := range names {
		deliverytest.Write(t, filepath.Join(src, "names", name), 10+i, uint64(i))
		deliverytest.Write(t, filepath.Join(src, "names in", name, "x"), 10+i, uint64(i))
	}
	for i := range 700 {
		deliverytest.Write(t, filepath.Join(src, "many", fmt.Sprint(i%7), fmt.Sprint(i)), i*13, uint64(i))
	}
	deliverytest.Must(t, os.MkdirAll(filepath.Join(src, "empty/er"), 0o755))
	treetest.Symlink(t, "../sizes/1024", filepath.Join(src, "names/link"))
	treetest.Symlink(t, "nowhere", filepath.Join(src, "dangling"))
	deliverytest.Must(t, os.Chmod(filepath.Join(src, "sizes/1"), 0o444))
	deliverytest.Must(t, os.Chmod(filepath.Join(src, "sizes/1024"), 0o000))
	deliverytest.Must(t, os.Chmod(filepath.Join(src, "many/3"), 0o555))
	t.Cleanup(func() { os.Chmod(filepath.Join(src, "many/3"), 0o755); os.Chmod(filepath.Join(dst, "many/3"), 0o755) })
	if os.Getuid() != 0 {
		deliverytest.Must(t, os.Chmod(filepath.Join(src, "sizes/1024"), 0o400))
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	deliverytest.SameTree(t, src, dst)
	at := make(map[string]int)
	for _, d := range deliverytest.Find[transfer.ItemDone](s.SendSaw) {
		at[d.At]++
	}
	for _, d := range deliverytest.Find[transfer.ItemDone](s.ReceiveSaw) {
		if at[d.At]--; at[d.At] != 0 {
			t.Errorf("the ends do not agree that something stands at %q", d.At)
		}
	}
	if !s.Sent.Durable || s.Sent.Failed != 0 {
		t.Errorf("result %+v", s.Sent)
	}

	again := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	deliverytest.SameTree(t, src, dst)
	if again.Sent.Moved != 0 || again.Sent.Delivered != 0 {
		t.Errorf("the second run moved %d bytes and delivered %d items", again.Sent.Moved, again.Sent.Delivered)
	}
}

func TestResumeMovesOnlyWhatIsMissing(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const size = 40*deliverytest.MiB + 12345
	deliverytest.Write(t, filepath.Join(src, "big"), size, 1)
	cut := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.CutAfter(15*deliverytest.MiB))
	if cut.SendErr == nil || cut.ReceiveErr == nil {
		t.Fatalf("a cut delivery ended well: %v, %v", cut.SendErr, cut.ReceiveErr)
	}
	if _, err := os.Stat(filepath.Join(dst, "big")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("after a cut the final name shows %v", err)
	}
	kept := cut.Received.Moved
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	deliverytest.SameTree(t, src, dst)
	if s.Sent.Moved != size-s.Sent.Reused || s.Received.Reused < kept {
		t.Errorf("kept %d bytes; then moved %d and used %d (receiver: %d) of %d", kept, s.Sent.Moved, s.Sent.Reused, s.Received.Reused, size)
	}
}

func TestResumeDistrustsThePartial(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "big"), 20*deliverytest.MiB, 1)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.CutAfter(10*deliverytest.MiB))
	parts, err := filepath.Glob(filepath.Join(dst, ".ferry-partial", "*.part"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("partials: %v, %v", parts, err)
	}
	f, err := os.OpenFile(parts[0], os.O_WRONLY, 0)
	deliverytest.Must(t, err)
	_, err = f.WriteAt([]byte("damaged"), 3*deliverytest.MiB+5)
	deliverytest.Must(t, err)
	deliverytest.Must(t, f.Close())
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	deliverytest.SameTree(t, src, dst)
	if s.Received.Reused < 8*deliverytest.MiB {
		t.Errorf("one damaged chunk cost the reuse of the others: %d", s.Received.Reused)
	}
}

func TestReplacedFileServesAsBasis(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	b := deliverytest.Write(t, filepath.Join(src, "big"), 30*deliverytest.MiB+5, 1)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	copy(b[7*deliverytest.MiB+100:], "changed here")
	b = append(b, "and longer"...)
	deliverytest.Must(t, os.WriteFile(filepath.Join(src, "big"), b, 0o640))
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.OnConflict = transfer.ConflictOverwrite
	}).OK(t)
	deliverytest.SameTree(t, src, dst)
	if s.Sent.Moved > 2*deliverytest.MiB {
		t.Errorf("moved %d bytes for two changed chunks", s.Sent.Moved)
	}
}

func TestCancelIsNeverSuccess(t *testing.T) {
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "big"), 12*deliverytest.MiB, 1)
	deliverytest.Write(t, filepath.Join(src, "small"), 100, 2)
	for k := range int64(12) {
		dst := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		s := deliverytest.Deliver(t, ctx, dst, deliverytest.Contents(src), func(_ *send.Options, _ *receive.Options, s *deliverytest.Sides) {
			s.ReceiveSaw.Act = func(e transfer.Event) {
				if p, ok := e.(transfer.Progress); ok && p.Moved >= k*deliverytest.MiB {
					cancel()
				}
			}
		})
		cancel()
		if s.SendErr == nil || s.ReceiveErr == nil {
			t.Errorf("cancelled at chunk %d: sender %v, receiver %v", k, s.SendErr, s.ReceiveErr)
		}
		if _, err := os.Stat(filepath.Join(dst, "big")); err == nil {
			deliverytest.SameFile(t, filepath.Join(src, "big"), filepath.Join(dst, "big"))
		}
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
		deliverytest.SameTree(t, src, dst)
	}
}
