package transfer_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// layConflicts makes a source and a destination in which something of each kind
// awaits the delivery.
func layConflicts(t *testing.T) (src, dst string) {
	src, dst = t.TempDir(), t.TempDir()
	old := time.Unix(1e9, 0)
	same := func(name string, size int) {
		deliverytest.Write(t, filepath.Join(src, name), size, 1)
		deliverytest.Write(t, filepath.Join(dst, name), size, 1)
		deliverytest.Must(t, os.Chtimes(filepath.Join(src, name), old, old))
		deliverytest.Must(t, os.Chtimes(filepath.Join(dst, name), old, old))
	}
	same("same", 100)
	same("touched", 2*deliverytest.MiB+5)
	deliverytest.Must(t, os.Chtimes(filepath.Join(dst, "touched"), old, old.Add(time.Hour)))
	same("d/differs", 2*deliverytest.MiB+5)
	deliverytest.Write(t, filepath.Join(dst, "d/differs"), 2*deliverytest.MiB+5, 2)
	same("longer", 10)
	deliverytest.Write(t, filepath.Join(dst, "longer"), 11, 1)
	treetest.Symlink(t, "a", filepath.Join(src, "link"))
	treetest.Symlink(t, "b", filepath.Join(dst, "link"))
	treetest.Symlink(t, "a", filepath.Join(src, "newlink"))
	deliverytest.Write(t, filepath.Join(src, "new/deep/file"), 3*deliverytest.MiB, 3)
	deliverytest.Write(t, filepath.Join(src, "new/small"), 30, 3)
	return src, dst
}

// A dry run says, of each item, what the delivery then does, and until then
// nothing has changed.
func TestDryRunSaysWhatWouldHappen(t *testing.T) {
	t.Parallel()
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictOverwrite, transfer.ConflictRename} {
		for _, checksum := range []bool{false, true} {
			t.Run(fmt.Sprintf("policy %d checksum %v", policy, checksum), func(t *testing.T) {
				t.Parallel()
				src, dst := layConflicts(t)
				before := deliverytest.Snapshot(t, dst)
				options := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
					s.Checksum, r.OnConflict, r.Links = checksum, policy, transfer.LinksAll
				}
				dry := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), options, deliverytest.Rehearsed(t, dst))
				if after := deliverytest.Snapshot(t, dst); after != before {
					t.Fatalf("it changed the destination:\n%s\nwas\n%s", after, before)
				}
				real := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options)
				if errors.Is(dry.SendErr, transfer.ErrIncomplete) != errors.Is(real.SendErr, transfer.ErrIncomplete) {
					t.Fatalf("%v, and then %v", dry.SendErr, real.SendErr)
				}
				left := policy == transfer.ConflictFail || policy == transfer.ConflictSkip
				if left != errors.Is(dry.SendErr, transfer.ErrIncomplete) {
					t.Fatalf("ended with %v", dry.SendErr)
				}
				endings := func(r *deliverytest.Recorder) map[string]string {
					m := make(map[string]string)
					for _, d := range deliverytest.Find[transfer.ItemDone](r) {
						m[d.At] = fmt.Sprintf("%v %s %d %d", d.Status, d.NewName, d.Size, d.Cause)
					}
					for _, f := range deliverytest.Find[transfer.ItemFailed](r) {
						m[f.Path] = fmt.Sprint(f.Err.Code)
					}
					return m
				}
				for i, pair := range [][2]map[string]string{
					{endings(dry.SendSaw), endings(real.SendSaw)}, {endings(dry.ReceiveSaw), endings(real.ReceiveSaw)},
				} {
					if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
						t.Errorf("side %d: it said\n%v\nand then came\n%v", i, pair[0], pair[1])
					}
				}
				for _, pair := range [][2]transfer.Result{{dry.Sent, real.Sent}, {dry.Received, real.Received}} {
					r, real := pair[0], pair[1]
					if !r.DryRun || r.Durable || r.Moved != 0 {
						t.Errorf("result %+v", r)
					}
					if r.Delivered != real.Delivered || r.Replaced != real.Replaced || r.Same != real.Same ||
						r.Skipped != real.Skipped || r.Failed != real.Failed || r.Bytes != real.Bytes {
						t.Errorf("%+v, and then %+v", r, real)
					}
				}
			})
		}
	}
}

func TestDryRunMakesNoDestination(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "not", "there")
	deliverytest.Write(t, filepath.Join(src, "a/b"), 2*deliverytest.MiB, 1)
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.Rehearsed(t, dst)).OK(t)
	if s.Sent.Delivered != 3 || s.Sent.Bytes != 2*deliverytest.MiB {
		t.Errorf("%+v", s.Sent)
	}
	if _, err := os.Lstat(filepath.Dir(dst)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it made something: %v", err)
	}
	deliverytest.Must(t, os.WriteFile(filepath.Dir(dst), nil, 0o644))
	if s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.Rehearsed(t, dst)); s.ReceiveErr == nil || s.SendErr == nil {
		t.Error("a file stands where the destination would be, and nothing was said")
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the stream was read")
	return 0, io.EOF
}

func TestDryRunReadsNoStream(t *testing.T) {
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Stream("s", unread{t}), deliverytest.Rehearsed(t, t.TempDir())).OK(t)
	if s.Sent.Delivered != 1 || s.Sent.Bytes != 0 {
		t.Errorf("%+v", s.Sent)
	}
}

func TestDryRunToAnOutputIsDeclined(t *testing.T) {
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "f"), 10, 1)
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.ToOutput(io.Discard),
		func(s *send.Options, _ *receive.Options, _ *deliverytest.Sides) { s.DryRun = true })
	for _, err := range []error{s.SendErr, s.ReceiveErr} {
		var own *transfer.Error
		if !errors.As(err, &own) || own.Code != framing.CodeDeclined {
			t.Errorf("ended with %v", err)
		}
	}
}

// full is a rehearsal with so much room.
type full struct {
	storage.Destination
	free int64
}

func (f full) Start(m tree.Metadata) (*storage.Landing, error) {
	l, err := f.Destination.Start(m)
	if err == nil {
		l.Finder = fullFinder{l.Finder, f.free}
	}
	return l, err
}

type fullFinder struct {
	storage.Finder
	free int64
}

func (f fullFinder) Free() (int64, error) { return f.free, nil }

// The listing goes on where the room ends, and what was left by an unfinished
// delivery is not needed again.
func TestDryRunCountsTheRoom(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 3*deliverytest.MiB, 1)
	deliverytest.Write(t, filepath.Join(src, "b"), 4*deliverytest.MiB, 2)
	deliverytest.Write(t, filepath.Join(src, "c"), 1*deliverytest.MiB, 3)
	limited := func(free int64) deliverytest.Setup {
		return func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
			rehearse := r.Rehearse
			r.Rehearse = func() (storage.Destination, error) {
				h, err := rehearse()
				return full{h, free}, err
			}
		}
	}
	s := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.Rehearsed(t, dst), limited(5*deliverytest.MiB))
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || s.Sent.Failed != 1 || s.Sent.Delivered != 2 {
		t.Fatalf("%v, %+v", s.SendErr, s.Sent)
	}
	for _, f := range []*transfer.Error{s.Sent.Failures[0], s.Received.Failures[0]} {
		if f.Code != framing.CodeNoSpace || filepath.Base(f.Path) != "b" || !strings.Contains(f.Error(), "needs 4.00 MiB of space, 2.00 MiB are free") {
			t.Errorf("failure %v", f)
		}
	}
	if s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.CutAfter(2*deliverytest.MiB)); s.SendErr == nil {
		t.Fatal("the delivery was not cut")
	}
	s = deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), deliverytest.Rehearsed(t, dst), limited(8*deliverytest.MiB-1))
	if s.SendErr != nil {
		t.Errorf("what an interrupted delivery left was counted as needed: %v", s.SendErr)
	}
}
