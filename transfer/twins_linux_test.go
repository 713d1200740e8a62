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
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

// folding mounts a file system that does not tell capital letters apart, and
// returns a folder in it.
func folding(t *testing.T) string {
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
	must(t, os.Mkdir(at, 0o755))
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 96<<20))
	if out, err := exec.Command("mkntfs", "-q", "-Q", "-F", image).CombinedOutput(); err != nil {
		t.Skipf("mkntfs: %v: %s", err, out)
	}
	if out, err := exec.Command("lowntfs-3g", "-o", "ignore_case", image, at).CombinedOutput(); err != nil {
		t.Skipf("lowntfs-3g: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	dst := filepath.Join(at, "out")
	must(t, os.Mkdir(dst, 0o755))
	return dst
}

// twinTree makes items whose names differ in case, all of one time.
func twinTree(t *testing.T) string {
	src := t.TempDir()
	for name, content := range map[string]string{
		"SAME": "capital", "Same": "mixed", "same": "lower", "Dir/A": "1", "Dir/a": "2", "dir/a": "3", "dir/only": "4", "Longer": "short", "longer": "not so short",
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(src, name), []byte(content), 0o644))
	}
	// The earlier one is the larger, and so the later one to be published.
	write(t, filepath.Join(src, "Big"), 5*mib+1, 1)
	write(t, filepath.Join(src, "big"), 10, 2)
	must(t, os.Symlink("x", filepath.Join(src, "Link")))
	must(t, os.Symlink("y", filepath.Join(src, "link")))
	must(t, unix.Mkfifo(filepath.Join(src, "Fifo"), 0o644))
	must(t, os.Link(filepath.Join(src, "Big"), filepath.Join(src, "bIG")))
	then := time.Unix(1_500_000_000, 0)
	must(t, filepath.WalkDir(src, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSymlink == 0 {
			err = os.Chtimes(path, then, then)
		}
		return err
	}))
	return src
}

func failedPaths(r *recorder, src string) (paths []string) {
	for _, f := range find[transfer.ItemFailed](r) {
		rel, err := filepath.Rel(src, f.Path)
		if err != nil {
			rel = f.Path
		}
		paths = append(paths, rel)
	}
	slices.Sort(paths)
	return paths
}

// The item that comes first in the walk has the name, in each run.
func TestTwinNames(t *testing.T) {
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictOverwrite} {
		for _, checksum := range []bool{false, true} {
			for _, before := range []string{"", "the last twin"} {
				t.Run(fmt.Sprintf("policy %d checksum %v before %q", policy, checksum, before), func(t *testing.T) {
					dst, src := folding(t), twinTree(t)
					if before != "" && policy == transfer.ConflictOverwrite {
						must(t, os.WriteFile(filepath.Join(dst, "same"), []byte("lower"), 0o644)) // as a run that was killed
						must(t, os.Chtimes(filepath.Join(dst, "same"), time.Unix(1_500_000_000, 0), time.Unix(1_500_000_000, 0)))
					}
					options := func(s *send.Options, r *receive.Options, _ *sides) {
						s.Checksum, r.OnConflict, r.Links = checksum, policy, transfer.LinksAll
					}
					dry := deliver(t, t.Context(), "", contents(src), options, rehearsed(t, dst))
					want := []string{"Dir/a", "Same", "bIG", "big", "dir", "dir/a", "dir/only", "link", "longer", "same"}
					if got := failedPaths(dry.sendSaw, src); !slices.Equal(got, want) {
						t.Errorf("a dry run says that %v fail, and not %v", got, want)
					}
					for run := range 3 {
						s := deliver(t, t.Context(), dst, contents(src), options)
						if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) {
							t.Fatalf("run %d ended with %v and %v", run, s.sendErr, s.receiveErr)
						}
						if got := failedPaths(s.sendSaw, src); !slices.Equal(got, want) {
							t.Errorf("run %d: %v fail, and not %v", run, got, want)
						}
						for _, f := range find[transfer.ItemFailed](s.sendSaw) {
							if f.Err.Code != framing.CodeConflict && f.Err.Code != framing.CodeCancelled {
								t.Errorf("run %d: %v", run, f.Err)
							}
						}
						if run > 0 && s.sent.Delivered != 0 {
							t.Errorf("run %d delivered %d items", run, s.sent.Delivered)
						}
						for name, content := range map[string]string{"SAME": "capital", "Dir/A": "1", "Longer": "short"} {
							if b, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(b) != content {
								t.Errorf("run %d: %s has %q, %v", run, name, b, err)
							}
						}
						sameFile(t, filepath.Join(src, "Big"), filepath.Join(dst, "Big"))
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
			options := func(s *send.Options, r *receive.Options, _ *sides) {
				s.Checksum, r.OnConflict, r.Links = checksum, transfer.ConflictRename, transfer.LinksAll
			}
			dry := deliver(t, t.Context(), "", contents(src), options, rehearsed(t, dst)).ok(t)
			first := deliver(t, t.Context(), dst, contents(src), options).ok(t)
			names := func(s *sides) string {
				var list []string
				for _, d := range find[transfer.ItemDone](s.receiveSaw) {
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
				s := deliver(t, t.Context(), dst, contents(src), options).ok(t)
				if s.sent.Delivered != 0 {
					t.Errorf("run %d delivered %d items: %s", run+2, s.sent.Delivered, names(s))
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
	must(t, unix.Mkfifo(filepath.Join(src, "fifo"), 0o644))
	all := wishing(everything, everything)
	for run := range 2 {
		s := deliver(t, t.Context(), dst, contents(src), all, withPolicy(transfer.ConflictOverwrite))
		want := []string{"Dir/a", "Same", "bIG", "big", "dir", "dir/a", "dir/only", "fifo", "link", "longer", "same"}
		if got := failedPaths(s.sendSaw, src); !slices.Equal(got, want) {
			t.Errorf("run %d: %v fail, and not %v", run, got, want)
		}
	}
}

// What is listed under another spelling is the delivered item.
func TestDeleteOnAFoldingTarget(t *testing.T) {
	dst, src := folding(t), t.TempDir()
	for _, name := range []string{"Dir/File", "Top"} {
		write(t, filepath.Join(src, name), 100, 1)
	}
	for _, name := range []string{"dir/file", "dir/stale", "top", "stale"} {
		write(t, filepath.Join(dst, name), 50, 2)
	}
	d, err := local.NewFolder(dst, local.FolderOptions{})
	must(t, err)
	saw := new(recorder)
	res, err := local.Copy(context.Background(), local.Options{
		Send:    send.Options{Sources: contents(src), Observer: saw},
		Receive: receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite},
		Delete:  &local.Delete{Max: 100},
	})
	must(t, errors.Join(err, d.Close()))
	var gone []string
	for _, e := range find[transfer.ItemDeleted](saw) {
		gone = append(gone, strings.ToLower(e.Path))
	}
	slices.Sort(gone)
	if res.Deleted != 2 || !slices.Equal(gone, []string{"dir/stale", "stale"}) {
		t.Errorf("deleted are %v", gone)
	}
	for _, name := range []string{"Dir/File", "Top"} {
		sameFile(t, filepath.Join(src, name), filepath.Join(dst, name))
	}
}

// Names of the command line are twins as well.
func TestTwinSources(t *testing.T) {
	dst, src := folding(t), t.TempDir()
	write(t, filepath.Join(src, "a"), 10, 1)
	write(t, filepath.Join(src, "A"), 20, 2)
	for range 2 {
		s := deliver(t, t.Context(), dst, named(filepath.Join(src, "a"), filepath.Join(src, "A")), withPolicy(transfer.ConflictOverwrite))
		if got := failedPaths(s.sendSaw, src); !slices.Equal(got, []string{"A"}) {
			t.Errorf("%v fail", got)
		}
		sameFile(t, filepath.Join(src, "a"), filepath.Join(dst, "a"))
	}
}

var everything = tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true, Numeric: true}

// Names that this file system tells apart are no twins, though others take them for
// one, and though it lists them in another case than was given.
func TestNamesOfOneKeyThatAreTwo(t *testing.T) {
	dst, src := folding(t), t.TempDir()
	for _, form := range []string{"\u00e9", "e\u0301"} {
		write(t, filepath.Join(src, "F"+form), 10+len(form), 1)
		write(t, filepath.Join(src, "D"+form, "in"), 20, 2)
		must(t, os.Symlink("x"+form, filepath.Join(src, "L"+form)))
	}
	all := func(_ *send.Options, r *receive.Options, _ *sides) { r.Links = transfer.LinksAll }
	if s := deliver(t, t.Context(), dst, contents(src), all).ok(t); s.sent.Delivered != 8 {
		t.Errorf("%d items were delivered", s.sent.Delivered)
	}
	if s := deliver(t, t.Context(), dst, contents(src), all, withPolicy(transfer.ConflictOverwrite)).ok(t); s.sent.Delivered != 0 {
		t.Errorf("again, %d items were delivered", s.sent.Delivered)
	}
}
