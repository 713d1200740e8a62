package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// folding mounts a file system that does not tell capital letters apart, and
// returns a folder in it.
func folding(t *testing.T) string { return mountedNTFS(t, "ignore_case") }

// mountedNTFS makes an NTFS, mounts it with that option, and returns a folder in it.
func mountedNTFS(t *testing.T, option string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	for _, program := range []string{"lowntfs-3g", "mkntfs"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (ntfs-3g)", program)
		}
	}
	top := t.TempDir()
	image, at := filepath.Join(top, "image"), filepath.Join(top, "at")
	deliverytest.Must(t, os.Mkdir(at, 0o755))
	deliverytest.Must(t, os.WriteFile(image, nil, 0o600))
	deliverytest.Must(t, os.Truncate(image, 96<<20))
	if out, err := exec.Command("mkntfs", "-q", "-Q", "-F", image).CombinedOutput(); err != nil {
		t.Skipf("mkntfs: %v: %s", err, out)
	}
	if out, err := exec.Command("lowntfs-3g", "-o", option, image, at).CombinedOutput(); err != nil {
		t.Skipf("lowntfs-3g: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	dst := filepath.Join(at, "out")
	deliverytest.Must(t, os.Mkdir(dst, 0o755))
	return dst
}

// twinTree makes items whose names differ in case, all of one time.
func twinTree(t *testing.T) string {
	src := t.TempDir()
	for name, content := range map[string]string{
		"SAME": "capital", "Same": "mixed", "same": "lower", "Dir/A": "1", "Dir/a": "2", "dir/a": "3", "dir/only": "4", "Longer": "short", "longer": "not so short",
	} {
		deliverytest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o755))
		deliverytest.Must(t, os.WriteFile(filepath.Join(src, name), []byte(content), 0o644))
	}
	// The earlier one is the larger, and so the later one to be published.
	deliverytest.Write(t, filepath.Join(src, "Big"), 5*deliverytest.MiB+1, 1)
	deliverytest.Write(t, filepath.Join(src, "big"), 10, 2)
	deliverytest.Must(t, os.Symlink("x", filepath.Join(src, "Link")))
	deliverytest.Must(t, os.Symlink("y", filepath.Join(src, "link")))
	deliverytest.Must(t, unix.Mkfifo(filepath.Join(src, "Fifo"), 0o644))
	deliverytest.Must(t, os.Link(filepath.Join(src, "Big"), filepath.Join(src, "bIG")))
	then := time.Unix(1_500_000_000, 0)
	deliverytest.Must(t, filepath.WalkDir(src, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSymlink == 0 {
			err = os.Chtimes(path, then, then)
		}
		return err
	}))
	return src
}

// The item that comes first in the walk has the name, in each run.
func TestTwinNames(t *testing.T) {
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictOverwrite} {
		for _, checksum := range []bool{false, true} {
			for _, before := range []string{"", "the last twin"} {
				t.Run(fmt.Sprintf("policy %d checksum %v before %q", policy, checksum, before), func(t *testing.T) {
					dst, src := folding(t), twinTree(t)
					if before != "" && policy == transfer.ConflictOverwrite {
						deliverytest.Must(t, os.WriteFile(filepath.Join(dst, "same"), []byte("lower"), 0o644)) // as a run that was killed
						deliverytest.Must(t, os.Chtimes(filepath.Join(dst, "same"), time.Unix(1_500_000_000, 0), time.Unix(1_500_000_000, 0)))
					}
					options := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
						s.Checksum, r.OnConflict, r.Links = checksum, policy, transfer.LinksAll
					}
					dry := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), options, deliverytest.Rehearsed(t, dst))
					want := []string{"Dir/a", "Same", "bIG", "big", "dir", "dir/a", "dir/only", "link", "longer", "same"}
					if got := failedPaths(dry.SendSaw, src); !slices.Equal(got, want) {
						t.Errorf("a dry run says that %v fail, and not %v", got, want)
					}
					for run := range 3 {
						s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options)
						if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
							t.Fatalf("run %d ended with %v and %v", run, s.SendErr, s.ReceiveErr)
						}
						if got := failedPaths(s.SendSaw, src); !slices.Equal(got, want) {
							t.Errorf("run %d: %v fail, and not %v", run, got, want)
						}
						for _, f := range deliverytest.Find[transfer.ItemFailed](s.SendSaw) {
							if f.Err.Code != framing.CodeConflict && f.Err.Code != framing.CodeCancelled {
								t.Errorf("run %d: %v", run, f.Err)
							}
						}
						if run > 0 && s.Sent.Delivered != 0 {
							t.Errorf("run %d delivered %d items", run, s.Sent.Delivered)
						}
						for name, content := range map[string]string{"SAME": "capital", "Dir/A": "1", "Longer": "short"} {
							if b, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(b) != content {
								t.Errorf("run %d: %s has %q, %v", run, name, b, err)
							}
						}
						deliverytest.SameFile(t, filepath.Join(src, "Big"), filepath.Join(dst, "Big"))
					}
				})
			}
		}
	}
}

// Under rename each twin has a name of its own, and the same one in each run.
func TestTwinNamesRenamed(t *testing.T) {
	for _, checksum := range []bool{false, true} {
		t.Run(fmt.Sprintf("checksum %v", checksum), func(t *testing.T) {
			dst, src := folding(t), twinTree(t)
			options := func(s *send.Options, r *receive.Options, _ *deliverytest.Sides) {
				s.Checksum, r.OnConflict, r.Links = checksum, transfer.ConflictRename, transfer.LinksAll
			}
			dry := deliverytest.Deliver(t, t.Context(), "", deliverytest.Contents(src), options, deliverytest.Rehearsed(t, dst)).OK(t)
			first := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options).OK(t)
			names := func(s *deliverytest.Sides) string {
				var list []string
				for _, d := range deliverytest.Find[transfer.ItemDone](s.ReceiveSaw) {
					if d.NewName != "" {
						list = append(list, d.At)
					}
				}
				slices.Sort(list)
				return strings.Join(list, ", ")
			}
			want := "Dir/a (1), Same (1), bIG (1), big (2), dir (1), link (1), longer (1), same (2)"
			if got := names(first); got != want || names(dry) != want {
				t.Errorf("renamed are\n%s, a dry run says\n%s", got, names(dry))
			}
			for run := range 2 {
				s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), options).OK(t)
				if s.Sent.Delivered != 0 {
					t.Errorf("run %d delivered %d items: %s", run+2, s.Sent.Delivered, names(s))
				}
				for name, content := range map[string]string{
					"SAME": "capital", "Same (1)": "mixed", "same (2)": "lower", "Dir/a (1)": "2", "dir (1)/a": "3", "dir (1)/only": "4", "longer (1)": "not so short",
				} {
					if b, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(b) != content {
						t.Errorf("run %d: %s has %q, %v", run+2, name, b, err)
					}
				}
			}
		})
	}
}

// All kinds, as hard links too.
func TestTwinNamesArchived(t *testing.T) {
	dst, src := folding(t), twinTree(t)
	deliverytest.Must(t, unix.Mkfifo(filepath.Join(src, "fifo"), 0o644))
	all := deliverytest.Wishing(everything, everything)
	for run := range 2 {
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), all, deliverytest.WithPolicy(transfer.ConflictOverwrite))
		want := []string{"Dir/a", "Same", "bIG", "big", "dir", "dir/a", "dir/only", "fifo", "link", "longer", "same"}
		if got := failedPaths(s.SendSaw, src); !slices.Equal(got, want) {
			t.Errorf("run %d: %v fail, and not %v", run, got, want)
		}
	}
}

// What is listed under another spelling is the delivered item.
func TestDeleteOnAFoldingTarget(t *testing.T) {
	dst, src := folding(t), t.TempDir()
	for _, name := range []string{"Dir/File", "Top"} {
		deliverytest.Write(t, filepath.Join(src, name), 100, 1)
	}
	for _, name := range []string{"dir/file", "dir/stale", "top", "stale"} {
		deliverytest.Write(t, filepath.Join(dst, name), 50, 2)
	}
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	saw := new(deliverytest.Recorder)
	res, err := local.Copy(context.Background(), local.Options{
		Send:    send.Options{Sources: deliverytest.Contents(src), Observer: saw},
		Receive: receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite},
		Delete:  &local.Delete{Max: 100},
	})
	deliverytest.Must(t, errors.Join(err, d.Close()))
	var gone []string
	for _, e := range deliverytest.Find[transfer.ItemDeleted](saw) {
		gone = append(gone, strings.ToLower(e.Path))
	}
	slices.Sort(gone)
	if res.Deleted != 2 || !slices.Equal(gone, []string{"dir/stale", "stale"}) {
		t.Errorf("deleted are %v", gone)
	}
	for _, name := range []string{"Dir/File", "Top"} {
		deliverytest.SameFile(t, filepath.Join(src, name), filepath.Join(dst, name))
	}
}

// Names of the command line are twins as well.
func TestTwinSources(t *testing.T) {
	dst, src := folding(t), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "A"), 20, 2)
	for range 2 {
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(filepath.Join(src, "a"), filepath.Join(src, "A")), deliverytest.WithPolicy(transfer.ConflictOverwrite))
		if got := failedPaths(s.SendSaw, src); !slices.Equal(got, []string{"A"}) {
			t.Errorf("%v fail", got)
		}
		deliverytest.SameFile(t, filepath.Join(src, "a"), filepath.Join(dst, "a"))
	}
}

var everything = tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true, Numeric: true}

// Names that this file system tells apart are no twins, though others take them for
// one, and though it lists them in another case than was given.
func TestNamesOfOneKeyThatAreTwo(t *testing.T) {
	dst, src := folding(t), t.TempDir()
	for _, form := range []string{"\u00e9", "e\u0301"} {
		deliverytest.Write(t, filepath.Join(src, "F"+form), 10+len(form), 1)
		deliverytest.Write(t, filepath.Join(src, "D"+form, "in"), 20, 2)
		deliverytest.Must(t, os.Symlink("x"+form, filepath.Join(src, "L"+form)))
	}
	all := func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) { r.Links = transfer.LinksAll }
	if s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), all).OK(t); s.Sent.Delivered != 8 {
		t.Errorf("%d items were delivered", s.Sent.Delivered)
	}
	if s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), all, deliverytest.WithPolicy(transfer.ConflictOverwrite)).OK(t); s.Sent.Delivered != 0 {
		t.Errorf("again, %d items were delivered", s.Sent.Delivered)
	}
}
