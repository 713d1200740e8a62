package transfer_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/tree"
)

// diskOf makes a file system in a file and mounts it, or skips the test with the
// reason why that cannot be done.
func diskOf(t *testing.T, bytes int64, kind, options, mkfs string, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	if _, err := exec.LookPath(mkfs); err != nil {
		t.Skip(err)
	}
	image, path := filepath.Join(t.TempDir(), "image"), t.TempDir()
	deliverytest.Must(t, os.WriteFile(image, nil, 0o600))
	deliverytest.Must(t, os.Truncate(image, bytes))
	if out, err := exec.Command(mkfs, append(args, image)...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", mkfs, err, out)
	}
	if out, err := exec.Command("mount", "-t", kind, "-o", strings.Trim("loop,"+options, ","), image, path).CombinedOutput(); err != nil {
		t.Skipf("mounting: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Errorf("unmounting %s: %v", path, err)
			_ = unix.Unmount(path, unix.MNT_DETACH)
		}
	})
	dst := filepath.Join(path, "dst") // without lost+found
	deliverytest.Must(t, os.Mkdir(dst, 0o755))
	return dst
}

// leave fills the file system that holds dst until room bytes are free.
func leave(t *testing.T, dst string, room int64) {
	t.Helper()
	var fs unix.Statfs_t
	deliverytest.Must(t, unix.Statfs(dst, &fs))
	f, err := os.Create(filepath.Join(filepath.Dir(dst), "filler"))
	deliverytest.Must(t, err)
	err = unix.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*int64(fs.Bsize)-room)
	deliverytest.Must(t, errors.Join(err, f.Close()))
}

// touch sets the time of what is at path, a link's own.
func touch(t *testing.T, path string, at time.Time) {
	t.Helper()
	ts, err := unix.TimeToTimespec(at)
	deliverytest.Must(t, err)
	deliverytest.Must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
}

// layTimes makes a tree of all kinds whose times are on no grid, and some in no range.
func layTimes(t *testing.T) string {
	src := filepath.Join(t.TempDir(), "src")
	deliverytest.Write(t, filepath.Join(src, "d/small"), 1000, 1)
	deliverytest.Write(t, filepath.Join(src, "d/new"), 1000, 2)
	deliverytest.Write(t, filepath.Join(src, "d/far"), 1000, 3)
	deliverytest.Write(t, filepath.Join(src, "large"), 3*deliverytest.MiB+7, 4)
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "far"), 0o755))
	deliverytest.Write(t, filepath.Join(src, "far/x"), 10, 5)
	deliverytest.Must(t, os.Symlink("small", filepath.Join(src, "d/link")))
	odd := time.Date(2021, 3, 4, 5, 6, 7, 987654321, time.UTC)
	far := time.Date(2100, 3, 4, 5, 6, 7, 987654321, time.UTC)
	for _, name := range []string{"d/small", "d/link", "large", "far/x", "d", ""} {
		touch(t, filepath.Join(src, name), odd)
	}
	touch(t, filepath.Join(src, "d/far"), far)
	touch(t, filepath.Join(src, "far"), far)
	return src
}

// A target that rounds times, or has no room for some, has the same items in the
// second run: nothing is said to change, nothing moves, and what is to be deleted
// is.
func TestTimesThatTargetsRound(t *testing.T) {
	for name, c := range map[string]struct {
		kind, options, mkfs string
		args                []string
	}{
		"ext4 -I 128": {"ext4", "", "mkfs.ext4", []string{"-q", "-F", "-I", "128"}},
		"ext4":        {"ext4", "", "mkfs.ext4", []string{"-q", "-F"}},
		"ntfs-3g":     {"ntfs-3g", "permissions", "mkfs.ntfs", []string{"-q", "-F", "-Q"}},
		"lowntfs-3g":  {"lowntfs-3g", "permissions", "mkfs.ntfs", []string{"-q", "-F", "-Q"}},
		"exfat-fuse":  {"exfat-fuse", "", "mkfs.exfat", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dst := diskOf(t, 24*deliverytest.MiB, c.kind, c.options, c.mkfs, c.args...)
			src := layTimes(t)
			if c.kind == "exfat-fuse" { // it has no links
				before, err := os.Stat(filepath.Join(src, "d"))
				deliverytest.Must(t, err)
				deliverytest.Must(t, os.Remove(filepath.Join(src, "d/link")))
				// The folder's time stays long past: where a deletion leaves the present
				// time, that is seen in whichever second it is made.
				touch(t, filepath.Join(src, "d"), before.ModTime())
			}
			if _, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
				t.Fatalf("%v: %v", err, r.Failures)
			}
			// An item that the source has not goes; the folder's time is the source's.
			deliverytest.Write(t, filepath.Join(dst, "d/extra"), 1, 1)
			for _, run := range []string{"dry", "again", "once more"} {
				prepare := func(*local.Options) {}
				if run == "dry" {
					prepare = deliverytest.DryMirror(t, dst)
				}
				saw, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), prepare)
				if err != nil || r.Delivered != 0 || r.Moved != 0 {
					t.Errorf("%s: %v: %d delivered, %d bytes moved, %v", run, err, r.Delivered, r.Moved, r.Failures)
				}
				for _, d := range deliverytest.Find[transfer.ItemDone](saw) {
					// Of the destination itself it is foreseen, and not all of them have modes.
					if d.Status == transfer.StatusAdjusted && d.At != "." && run == "once more" {
						t.Errorf("%s: %s is adjusted", run, d.At)
					}
				}
				if (len(deleted) == 1) != (run != "once more") {
					t.Errorf("%s: deleted %q", run, deleted)
				}
			}
		})
	}
}

// Where a second is all that is kept of a time, a file that is written again in the
// second in which it was delivered is another one.
func TestTimesThatLookTheSame(t *testing.T) {
	dst := diskOf(t, 24*deliverytest.MiB, "ext4", "", "mkfs.ext4", "-q", "-F", "-I", "128")
	src := filepath.Join(t.TempDir(), "src")
	now := time.Now().Truncate(time.Second)
	deliverytest.Write(t, filepath.Join(src, "f"), 1000, 1)
	touch(t, filepath.Join(src, "f"), now.Add(time.Millisecond))
	for seed := range uint64(3) {
		deliverytest.Write(t, filepath.Join(src, "f"), 1000, seed)
		touch(t, filepath.Join(src, "f"), now.Add(time.Duration(seed+1)*time.Millisecond))
		if _, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
			t.Fatalf("%v: %v", err, r.Failures)
		}
		want, err := os.ReadFile(filepath.Join(src, "f"))
		deliverytest.Must(t, err)
		if got, err := os.ReadFile(filepath.Join(dst, "f")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the file of run %d is not there: %v", seed, err)
		}
	}
}

// A target that refuses names is asked before the bytes come, the character is named,
// and what has no such name is delivered.
func TestNamesThatTargetsRefuse(t *testing.T) {
	dst := diskOf(t, 24*deliverytest.MiB, "ntfs-3g", "permissions,windows_names", "mkfs.ntfs", "-q", "-F", "-Q")
	src := filepath.Join(t.TempDir(), "src")
	refused := map[string]string{"a:b": "':'", "b?": "'?'", "c<": "'<'", `d"`: `'"'`, "e*": "'*'", "f|": "'|'", `g\`: "backslash", "h.": "dot", "nul.x": "device",
		"sub:x": "':'", "sub:x/in": "not made"}
	for name := range refused {
		if name != "sub:x" {
			deliverytest.Write(t, filepath.Join(src, name), 3*deliverytest.MiB, 1)
		}
	}
	deliverytest.Write(t, filepath.Join(src, "z ä/good"), 3*deliverytest.MiB, 2)
	deliverytest.Write(t, filepath.Join(src, "small"), 10, 3)
	_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
	if !errors.Is(err, transfer.ErrIncomplete) || r.Moved != 3*deliverytest.MiB+10 {
		t.Errorf("%v: %d bytes moved", err, r.Moved)
	}
	for _, f := range r.Failures {
		name, _ := filepath.Rel(src, f.Path)
		want, ok := refused[name]
		delete(refused, name)
		if !ok || !strings.Contains(f.Error(), want) {
			t.Errorf("%q: %v", name, f)
		}
	}
	if len(refused) > 0 {
		t.Errorf("not told: %v", refused)
	}
	for _, name := range []string{"z ä/good", "small"} {
		if _, err := os.Stat(filepath.Join(dst, name)); err != nil {
			t.Error(err)
		}
	}
}

// A file that is the same but for its time takes no space and nothing is copied, and of
// one that differs only what differs, where the file system shares blocks. Where it
// does not, the new one has to have room beside the old one.
func TestUpdateTakesWhatDiffers(t *testing.T) {
	const size, room = 24 * deliverytest.MiB, 40 * deliverytest.MiB
	for name, c := range map[string]struct {
		disk        int64
		kind, mkfs  string
		args        []string
		roomToShare bool
	}{
		"ext4":  {64 * deliverytest.MiB, "ext4", "mkfs.ext4", []string{"-q", "-F", "-m", "0"}, false},
		"xfs":   {400 * deliverytest.MiB, "xfs", "mkfs.xfs", []string{"-q"}, true},
		"btrfs": {256 * deliverytest.MiB, "btrfs", "mkfs.btrfs", []string{"-q", "--mixed"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dst := diskOf(t, c.disk, c.kind, "", c.mkfs, c.args...)
			leave(t, dst, room)
			src := filepath.Join(t.TempDir(), "src")
			file := filepath.Join(src, "f")
			deliverytest.Write(t, file, size, 1)
			if _, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
				t.Fatalf("%v: %v", err, r.Failures)
			}
			touch(t, file, time.Date(2021, 3, 4, 5, 6, 7, 8, time.UTC))
			for _, run := range []string{"a dry run", "touched"} {
				prepare := func(*local.Options) {}
				if run == "a dry run" {
					prepare = deliverytest.DryMirror(t, dst)
				}
				_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), prepare)
				if err != nil || r.Delivered != 0 || r.Moved != 0 || r.Adjusted != 1 {
					t.Errorf("%s: %v: %+v", run, err, r)
				}
			}
			f, err := os.OpenFile(file, os.O_WRONLY, 0)
			deliverytest.Must(t, err)
			_, err = f.WriteAt([]byte("changed"), size/2)
			deliverytest.Must(t, errors.Join(err, f.Close()))
			if _, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), deliverytest.DryMirror(t, dst)); (err == nil) != c.roomToShare {
				t.Errorf("a dry run of the change: %v: %+v", err, r)
			}
			_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
			if !c.roomToShare {
				var failed *transfer.Error
				if !errors.As(err, &failed) || failed.Code != framing.CodeNoSpace {
					t.Errorf("without room: %v", err)
				}
				return
			}
			if err != nil || r.Replaced != 1 || r.Moved != deliverytest.MiB {
				t.Errorf("changed: %v: %+v", err, r)
			}
			want, err := os.ReadFile(file)
			deliverytest.Must(t, err)
			if got, err := os.ReadFile(filepath.Join(dst, "f")); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the changed file is not there: %v", err)
			}
		})
	}
}

// A copy within a file system that shares blocks takes none for a large file, holes
// included, and is the same as any other: what is read back is what is hashed. Where nothing
// can be shared it is written.
func TestCopySharesBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		kind, mkfs string
		args       []string
		shares     bool
	}{
		"ext4":  {"ext4", "mkfs.ext4", []string{"-q", "-F", "-m", "0"}, false},
		"xfs":   {"xfs", "mkfs.xfs", []string{"-q"}, true},
		"btrfs": {"btrfs", "mkfs.btrfs", []string{"-q"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			const size = 64*deliverytest.MiB + 5
			dst := diskOf(t, 512*deliverytest.MiB, c.kind, "", c.mkfs, c.args...)
			src := filepath.Join(filepath.Dir(dst), "src")
			file := filepath.Join(src, "f")
			deliverytest.Write(t, file, size, 1)
			f, err := os.OpenFile(filepath.Join(src, "sparse"), os.O_CREATE|os.O_WRONLY, 0o600)
			deliverytest.Must(t, err)
			_, err = f.WriteAt([]byte("behind a hole"), 5*deliverytest.MiB/2)
			deliverytest.Must(t, errors.Join(err, f.Sync(), f.Close()))
			before := freeBlocks(t, dst)
			saw, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
			if err != nil || r.Delivered != 2 {
				t.Fatalf("%v: %+v", err, r)
			}
			took := before - freeBlocks(t, dst)
			if shared := took < size/2; shared != c.shares {
				t.Errorf("it takes %d bytes", took)
			}
			for _, name := range []string{"f", "sparse"} {
				deliverytest.SameFile(t, filepath.Join(src, name), filepath.Join(dst, name))
			}
			for _, d := range deliverytest.Find[transfer.ItemDone](saw) {
				if at := filepath.Join(src, filepath.Base(d.Path)); d.Kind == tree.File && [32]byte(d.Digest) != deliverytest.Digest(t, at) {
					t.Errorf("%s has another digest", d.Path)
				}
			}
			// A change of one is none of the other.
			f, err = os.OpenFile(file, os.O_WRONLY, 0)
			deliverytest.Must(t, err)
			want, err := os.ReadFile(filepath.Join(dst, "f"))
			deliverytest.Must(t, err)
			_, err = f.WriteAt([]byte("changed"), size/2)
			deliverytest.Must(t, errors.Join(err, f.Close()))
			if got, err := os.ReadFile(filepath.Join(dst, "f")); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the copy changed with its source: %v", err)
			}
		})
	}
}

// freeBlocks is what is free at path, in bytes, once all is on the disk.
func freeBlocks(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	deliverytest.Must(t, err)
	defer f.Close()
	deliverytest.Must(t, unix.Syncfs(int(f.Fd())))
	var st unix.Statfs_t
	deliverytest.Must(t, unix.Statfs(path, &st))
	return int64(st.Bfree) * int64(st.Bsize)
}

// A time that a file system has no room for is another one there, and told.
func TestTimesThatTargetsHaveNoRoomFor(t *testing.T) {
	dst := diskOf(t, 24*deliverytest.MiB, "ext4", "", "mkfs.ext4", "-q", "-F", "-I", "128")
	src := layTimes(t)
	touch(t, filepath.Join(src, "d/link"), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	for run := range 2 {
		_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
		if err != nil {
			t.Fatalf("%v: %v", err, r.Failures)
		}
		if len(r.Lost) != 1 || r.Lost[0].What != tree.AttrTime || r.Lost[0].Items != 3 {
			t.Errorf("run %d: want a file, a folder and a link without their times, not %v", run+1, r.Lost)
		}
	}
}
