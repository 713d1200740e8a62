package transfer_test

import (
	"errors"
	"fmt"
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
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func TestConflicts(t *testing.T) {
	const old, offered = "old content", "new, longer content"
	for _, c := range []struct {
		name     string
		policy   transfer.ConflictPolicy
		existing string // "": a folder
		final    string
		renamed  bool
		status   transfer.Status
		code     framing.Code
	}{
		{"fail keeps", transfer.ConflictFail, old, old, false, 0, framing.CodeConflict},
		{"skip keeps", transfer.ConflictSkip, old, old, false, transfer.StatusSkipped, 0},
		{"overwrite replaces", transfer.ConflictOverwrite, old, offered, false, transfer.StatusReplaced, 0},
		{"rename keeps both", transfer.ConflictRename, old, old, true, transfer.StatusRenamed, 0},
		{"rename keeps both of one size", transfer.ConflictRename, "old, longer content", "old, longer content", true, transfer.StatusRenamed, 0},
		{"fail takes equal content", transfer.ConflictFail, offered, offered, false, transfer.StatusAdjusted, 0},
		{"rename takes equal content", transfer.ConflictRename, offered, offered, false, transfer.StatusAdjusted, 0},
		{"a folder is never replaced", transfer.ConflictOverwrite, "", "", false, 0, framing.CodeOtherKind},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, dst := t.TempDir(), t.TempDir()
			deliverytest.Must(t, os.WriteFile(filepath.Join(src, "f.txt"), []byte(offered), 0o644))
			deliverytest.Must(t, os.WriteFile(filepath.Join(src, "other"), []byte("other"), 0o644))
			at := filepath.Join(dst, "f.txt")
			if c.existing == "" {
				deliverytest.Must(t, os.Mkdir(at, 0o755))
			} else {
				deliverytest.Must(t, os.WriteFile(at, []byte(c.existing), 0o644))
				deliverytest.Must(t, os.Chtimes(at, time.Unix(1e9, 0), time.Unix(1e9, 0)))
			}
			for run := range 2 {
				s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(filepath.Join(src, "f.txt"), filepath.Join(src, "other")), deliverytest.WithPolicy(c.policy))
				if c.code != 0 {
					if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
						t.Fatalf("ended with %v and %v", s.SendErr, s.ReceiveErr)
					}
					for _, r := range []transfer.Result{s.Sent, s.Received} {
						if len(r.Failures) != 1 || r.Failures[0].Code != c.code {
							t.Fatalf("failures %v", r.Failures)
						}
					}
				} else {
					if c.status == transfer.StatusSkipped {
						s.Skips(t, 1)
					} else {
						s.OK(t)
					}
					want := c.status
					if run == 1 && want != transfer.StatusSkipped {
						want = transfer.StatusSame
					}
					for _, d := range deliverytest.Find[transfer.ItemDone](s.ReceiveSaw) {
						if d.Path == "f.txt" && d.Status != want {
							t.Errorf("run %d: %v, want %v", run, d.Status, want)
						}
					}
				}
				if c.existing != "" {
					b, err := os.ReadFile(at)
					if err != nil || string(b) != c.final {
						t.Errorf("the file has %q, %v", b, err)
					}
				}
				b, err := os.ReadFile(filepath.Join(dst, "f (1).txt"))
				if c.renamed != (err == nil) || c.renamed && string(b) != offered {
					t.Errorf("the renamed file has %q, %v", b, err)
				}
				if _, err := os.Stat(filepath.Join(dst, "f (2).txt")); err == nil {
					t.Error("renamed twice")
				}
				deliverytest.SameFile(t, filepath.Join(src, "other"), filepath.Join(dst, "other"))
			}
		})
	}
}

func TestChecksumFindsWhatTimesHide(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, size := range []int{10, 100 << 10, 3 * deliverytest.MiB} {
		name := filepath.Base(strings.Repeat("n", size%7+1))
		deliverytest.Write(t, filepath.Join(src, name), size, 1)
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	bySum := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictOverwrite
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), bySum).OK(t)
	if s.Sent.Moved != 0 {
		t.Errorf("moved %d bytes of equal files", s.Sent.Moved)
	}
	for _, d := range deliverytest.Find[transfer.ItemDone](s.SendSaw) {
		if d.Kind == tree.File && !d.Hashed {
			t.Errorf("%q was not verified", d.Path)
		}
	}
	entries, err := os.ReadDir(dst)
	deliverytest.Must(t, err)
	for _, e := range entries {
		p := filepath.Join(dst, e.Name())
		info, err := os.Stat(p)
		deliverytest.Must(t, err)
		b, err := os.ReadFile(p)
		deliverytest.Must(t, err)
		b[len(b)/2]++
		deliverytest.Must(t, os.WriteFile(p, b, 0o640))
		deliverytest.Must(t, os.Chtimes(p, info.ModTime(), info.ModTime()))
	}
	plain := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src)).OK(t)
	if plain.Sent.Moved != 0 {
		t.Fatalf("size and mtime are equal, and %d bytes moved", plain.Sent.Moved)
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), bySum).OK(t)
	deliverytest.SameTree(t, src, dst)
}

// More files than may be open at once: none may wait for another to be settled
// that stands behind it.
func TestManyFilesThatDifferByDigest(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	for i := range 300 {
		deliverytest.Write(t, filepath.Join(src, fmt.Sprint(i)), 2000, uint64(i))
		deliverytest.Write(t, filepath.Join(dst, fmt.Sprint(i)), 2000, uint64(i)+1)
	}
	for i := range 140 {
		name := fmt.Sprintf("large %d", i)
		deliverytest.Write(t, filepath.Join(src, name), deliverytest.MiB+1, 1)
		deliverytest.Write(t, filepath.Join(dst, name), deliverytest.MiB+1, 2)
	}
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictOverwrite
	}).OK(t)
	deliverytest.SameTree(t, src, dst)
	renames := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		s.Checksum = true
		r.OnConflict = transfer.ConflictRename
	}
	deliverytest.Write(t, filepath.Join(src, "0"), 2000, 7777)
	for range 2 {
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), renames).OK(t)
	}
	deliverytest.SameFile(t, filepath.Join(src, "0"), filepath.Join(dst, "0 (1)"))
	if _, err := os.Stat(filepath.Join(dst, "0 (2)")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was renamed twice: %v", err)
	}
}

func TestRenamedLinkIsTakenForDone(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Must(t, os.Symlink("new", filepath.Join(src, "l")))
	deliverytest.Must(t, os.Symlink("old", filepath.Join(dst, "l")))
	for range 3 {
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), deliverytest.WithPolicy(transfer.ConflictRename)).OK(t)
	}
	names, err := os.ReadDir(dst)
	if err != nil || len(names) != 2 {
		t.Errorf("the destination has %v, %v", names, err)
	}
}

func TestLinksThatLeaveTheTree(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src := t.TempDir()
	deliverytest.Must(t, os.Symlink("/etc/passwd", filepath.Join(src, "absolute")))
	deliverytest.Must(t, os.Symlink("../outside", filepath.Join(src, "above")))
	deliverytest.Must(t, os.Symlink("inside", filepath.Join(src, "fine")))
	for _, c := range []struct {
		policy transfer.LinkPolicy
		links  int
		failed int64
	}{{transfer.LinksSafe, 1, 2}, {transfer.LinksAll, 3, 0}, {transfer.LinksSkip, 0, 0}} {
		dst := t.TempDir()
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Links = c.policy })
		names, err := os.ReadDir(dst)
		deliverytest.Must(t, err)
		if len(names) != c.links || s.Received.Failed != c.failed {
			t.Errorf("policy %d: %d links, %d failed", c.policy, len(names), s.Received.Failed)
		}
	}
}
