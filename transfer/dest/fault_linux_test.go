package dest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// traced runs a child with system calls that fail as inject says (strace(1)).
func traced(t *testing.T, do, dir, inject string) string {
	t.Helper()
	needTool(t, "strace")
	if err := exec.Command("strace", "-o", "/dev/null", "true").Run(); err != nil {
		t.Skipf("strace cannot trace here: %v", err)
	}
	return child{do: do, dir: dir, wrapper: []string{
		"strace", "-f", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "inject=" + inject}}.run(t)
}

func TestFailedCalls(t *testing.T) {
	for _, c := range []struct {
		inject string
		want   string // kind, "" for success
		names  int    // final names, -1 for any number
	}{
		// Nothing of a batch whose sync failed gets a name.
		{"syncfs,fsync:error=EIO", storage.IO.String(), 0},
		{"syncfs,fsync:error=ENOSPC", storage.NoSpace.String(), 0},
		{"fsync:error=EIO", "", childFiles + 1}, // syncfs says all is well; the folders are many
		// syncfs failed, but not for these files: they are good, each by itself.
		{"syncfs:error=EIO", "", childFiles + 1},
		{"syncfs:error=EINTR:when=1", "", childFiles + 1},
		{"fchmod:error=EIO", storage.IO.String(), 0},
		{"utimensat:error=EIO", storage.IO.String(), 0},
		{"pwrite64:error=EIO", storage.IO.String(), 0},
		{"pwrite64:error=ENOSPC", storage.NoSpace.String(), 0},
		{"pwrite64:error=EDQUOT", storage.NoSpace.String(), 0},
		{"pwrite64:error=EIO:when=7", storage.IO.String(), 0},
		{"linkat:error=ENOSPC:when=5", storage.NoSpace.String(), -1},
		{"renameat,renameat2:error=EIO", storage.IO.String(), -1},
		{"renameat,renameat2:error=EXDEV", storage.Unsupported.String(), -1},
		{"mkdirat:error=EROFS", storage.ReadOnly.String(), 0},
		{"mkdirat:error=EACCES", storage.Permission.String(), 0},
		// The state folder's: its name is no item's.
		{"mkdirat:error=EINVAL:when=2+", storage.Permission.String(), 0},
		{"mkdirat:error=EOPNOTSUPP:when=2+", storage.Permission.String(), 0},
		{"mkdirat:error=EPERM:when=2+", storage.Permission.String(), 0},
		// What answers so about a name in a folder that is there means the name.
		{"linkat:error=ENOENT", storage.Name.String(), -1},
		{"linkat,renameat,renameat2:error=EINVAL", storage.Name.String(), -1},
		{"renameat,renameat2:error=ENOENT", storage.Name.String(), -1},
		{"flock:error=ENOLCK", "", childFiles + 1},
		{"ftruncate:error=EFBIG", storage.TooLarge.String(), -1},
		{"statx:error=ENOSYS", "", childFiles + 1},
		{"copy_file_range:error=EIO", "", childFiles + 1},
	} {
		t.Run(c.inject, func(t *testing.T) {
			dir := t.TempDir()
			want := c.want
			if strings.HasPrefix(c.inject, "fsync:") {
				want = storage.IO.String() // met in Finish: the folders are few enough to be synced each
			}
			if got := traced(t, "deliver", dir, c.inject); got != want {
				t.Errorf("child said %q, want %q", got, want)
			}
			if n := delivered(t, dir); c.names >= 0 && n != c.names {
				t.Errorf("%d final names, want %d", n, c.names)
			}
			// What failed to sync is not gone on from: the page cache lies.
			if strings.Contains(c.inject, "fsync:error") && c.names == 0 {
				if left := stateNames(t, dir); len(left) != 0 {
					t.Errorf("after a failed sync %q is left", left)
				}
			}
			// The same command without the fault mends it.
			must(t, os.RemoveAll(filepath.Join(dir, "sub")))
			if got := (child{do: "deliver", dir: dir}).run(t); got != "" {
				t.Errorf("again: %s", got)
			}
			if n := delivered(t, dir); n != childFiles+1 {
				t.Errorf("again: %d final names", n)
			}
			wantNames(t, dir, "large", "sub")
		})
	}
}

// On a file system that is not known, as a server's, nothing whose close fails gets its
// name, or is used again.
func TestFailedClose(t *testing.T) {
	dir := t.TempDir()
	got := traced(t, "server", dir, "close:error=EIO:when=8+")
	if n := delivered(t, dir); n >= 8 || got != storage.IO.String() {
		t.Errorf("%d final names; child said %q", n, got)
	}
	if left := stateNames(t, dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
	must(t, os.RemoveAll(filepath.Join(dir, "sub")))
	if got := (child{do: "server", dir: dir}).run(t); got != "" {
		t.Errorf("again: %s", got)
	}
	if n := delivered(t, dir); n != childFiles+1 {
		t.Errorf("again: %d final names", n)
	}
}

// Killed at any call that changes the file system, the next run ends well, and
// no final name is ever in between.
func TestKilledAtAnyStep(t *testing.T) {
	needTool(t, "strace")
	for _, c := range []struct {
		call string
		when []int // counted in each thread
		here bool  // only calls on the folders of the delivery
	}{
		{"mkdirat", []int{1}, false},
		{"openat", []int{1, 2, 3}, true},
		{"pwrite64", []int{1, 2, 3, 4, 5}, false},
		{"ftruncate", []int{1, 2}, false},
		{"fchmod", []int{1, 2, 4}, false},
		{"utimensat", []int{1, 2, 4}, false},
		{"syncfs", []int{1}, false},
		{"linkat", []int{1, 2, 3}, false},
		{"renameat", []int{1}, false},
		{"unlinkat", []int{1, 2}, false},
		{"fsync", []int{1}, true},
	} {
		for _, when := range c.when {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "large"), []byte("old"), 0o600))
			args := []string{"strace", "-f", "-o", "/dev/null", "-e", fmt.Sprint("inject=", c.call, ":signal=SIGKILL:when=", when)}
			if c.here {
				for _, path := range []string{"", "sub", tree.PartialName} {
					args = append(args, "-P", filepath.Join(dir, path))
				}
			}
			cmd := child{do: "deliver", dir: dir, wrapper: args}.command(t)
			if err := cmd.Run(); err == nil {
				t.Errorf("%s %d was not met", c.call, when)
			}
			delivered(t, dir)
			must(t, os.RemoveAll(filepath.Join(dir, "sub")))
			if got := (child{do: "deliver", dir: dir}).run(t); got != "" {
				t.Errorf("killed at %s %d, then: %s", c.call, when, got)
			}
			if n := delivered(t, dir); n != childFiles+1 {
				t.Errorf("killed at %s %d, then: %d final names", c.call, when, n)
			}
			wantNames(t, dir, "large", "sub")
		}
	}
}

func TestNoSyncSyncsNothing(t *testing.T) {
	dir := t.TempDir()
	if got := traced(t, "nosync", dir, "fsync,syncfs,fdatasync:error=EIO"); got != "" {
		t.Errorf("child said %q", got)
	}
	if n := delivered(t, dir); n != childFiles+1 {
		t.Errorf("%d final names", n)
	}
}

func TestPermission(t *testing.T) {
	needRoot(t)
	const nobody = 65534
	dir := publicDir(t)
	if got := (child{do: "deliver", dir: dir, uid: nobody}).run(t); got != storage.Permission.String() {
		t.Errorf("in a folder of another user: %q", got)
	}
	wantNames(t, dir)
	if got := (child{do: "deliver", dir: filepath.Join(dir, "new"), uid: nobody}).run(t); got != storage.Permission.String() {
		t.Errorf("making a folder in one of another user: %q", got)
	}
	must(t, os.Chown(dir, nobody, nobody))
	if got := (child{do: "deliver", dir: dir, uid: nobody}).run(t); got != "" {
		t.Errorf("in an own folder: %q", got)
	}
	if n := delivered(t, dir); n != childFiles+1 {
		t.Errorf("%d final names", n)
	}
}

func TestImmutableTarget(t *testing.T) {
	needRoot(t)
	needTool(t, "chattr")
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	if out, err := exec.Command("chattr", "+i", path).CombinedOutput(); err != nil {
		t.Skipf("chattr: %v: %s", err, out)
	}
	defer exec.Command("chattr", "-i", path).Run()
	f := open(t, dir, Options{})
	for _, size := range []int{3, chunk + 1} {
		pub := sealed(t, f, fileEntry("x", size), content(size, 1))
		pub.Replace = true
		must(t, f.Publish([]*storage.Publication{pub})) // others may fare better
		wantKind(t, pub.Err, storage.Permission)
		must(t, pub.Partial.Discard(false))
	}
	must(t, f.Close())
	wantNames(t, dir, "x")
	holds(t, path, []byte("old"))
}

func TestFileSizeLimit(t *testing.T) {
	needTool(t, "prlimit")
	dir := t.TempDir()
	c := child{do: "big", dir: dir, wrapper: []string{"prlimit", "--fsize=2097152"}}
	if got := c.run(t); got != storage.TooLarge.String() {
		t.Errorf("child said %q", got)
	}
}

func TestFewHandles(t *testing.T) {
	needTool(t, "prlimit")
	dir := t.TempDir()
	c := child{do: "many", dir: dir, wrapper: []string{"prlimit", "--nofile=64:64"}}
	if got := c.run(t); got != "" {
		t.Errorf("child said %q", got)
	}
	for i := range 300 {
		holds(t, filepath.Join(dir, fmt.Sprint("d", i), "x"), []byte("abc"))
	}
	if got := names(t, dir); len(got) != 300 {
		t.Errorf("%d names", len(got))
	}
}
