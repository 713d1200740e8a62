package dest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// mounted mounts a file system on a new folder in dir.
func mounted(t testing.TB, dir, name, kind, source, options string) string {
	t.Helper()
	needRoot(t)
	path := filepath.Join(dir, name)
	must(t, os.MkdirAll(path, 0o755))
	if out, err := exec.Command("mount", "-t", kind, "-o", options, source, path).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	return path
}

func TestDiskFull(t *testing.T) {
	dir := mounted(t, t.TempDir(), "full", "tmpfs", "none", "size=3m")
	if got := (child{do: "big", dir: dir}).run(t); got != storage.NoSpace.String() {
		t.Errorf("child said %q", got)
	}
	// What there was room for serves once there is more.
	must(t, exec.Command("mount", "-o", "remount,size=20m", dir).Run())
	f := open(t, dir, Options{})
	b := content(4*chunk, 7)
	e := fileEntry("big", len(b))
	if n := resume(t, f, e, b); n < 2 {
		t.Errorf("%d chunks were reused", n)
	}
	finish(t, f)
	same(t, filepath.Join(dir, "big"), b, e)
}

func TestInodesFull(t *testing.T) {
	dir := mounted(t, t.TempDir(), "full", "tmpfs", "none", "nr_inodes=10")
	if got := (child{do: "deliver", dir: dir}).run(t); got != storage.NoSpace.String() {
		t.Errorf("child said %q", got)
	}
	delivered(t, dir)
}

func TestReadOnlyMount(t *testing.T) {
	dir := mounted(t, t.TempDir(), "ro", "tmpfs", "none", "ro")
	if got := (child{do: "deliver", dir: dir}).run(t); got != storage.ReadOnly.String() {
		t.Errorf("child said %q", got)
	}
	f := open(t, dir, Options{})
	finish(t, f) // a delivery of nothing new is no failure
}

// Renames and links do not cross mounts, so each has state of its own, also if
// it is the same file system mounted again.
func TestMountsInside(t *testing.T) {
	dir := t.TempDir()
	elsewhere := t.TempDir()
	mounted(t, dir, "tmp", "tmpfs", "none", "size=20m")
	bind := filepath.Join(dir, "bind")
	must(t, os.Mkdir(bind, 0o755))
	if err := unix.Mount(elsewhere, bind, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("bind mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(bind, unix.MNT_DETACH) })
	f := open(t, dir, Options{})
	for i, name := range []string{"tmp", "bind"} {
		id := uint64(2*i + 1)
		must2(t)(f.MakeFolder(folderEntry(id, 0, name)))
		must2(t)(f.MakeFolder(folderEntry(id+1, id, "sub")))
		for _, parent := range []uint64{id, id + 1} {
			for _, size := range []int{3, chunk + 1} {
				for range 2 { // the second time in place of the first
					e := fileEntry(fmt.Sprint("x", size), size)
					e.Parent = parent
					pub := sealed(t, f, e, content(size, 1))
					pub.Replace = true
					publish(t, f, pub)
				}
			}
		}
		must2(t)(f.FinishFolder(folderEntry(id+1, id, "sub")))
		must2(t)(f.FinishFolder(folderEntry(id, 0, name)))
	}
	finish(t, f)
	for _, name := range []string{"tmp", "bind"} {
		path := filepath.Join(dir, name)
		wantNames(t, path, "sub", "x1048577", "x3")
		for _, size := range []int{3, chunk + 1} {
			e := fileEntry("", size)
			same(t, filepath.Join(path, "sub", fmt.Sprint("x", size)), content(size, 1), e)
		}
		info, err := os.Stat(path)
		if err != nil || timeOf(info.ModTime()) != testTime {
			t.Errorf("%s: mtime %v, %v", name, info.ModTime(), err)
		}
	}
	wantNames(t, dir, "bind", "tmp")
}

// A file system that takes modes and keeps none shows the state folder with
// another mode than it was made with.
func TestStateFolderWithoutModes(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, tree.PartialName)
	must(t, os.Mkdir(state, 0o755))
	if got := traced(t, "deliver", dir, "fchmod:retval=0"); got != "" {
		t.Errorf("child said %q", got)
	}
	if n := delivered(t, dir); n != childFiles+1 {
		t.Errorf("%d final names", n)
	}
}

// FAT keeps no modes, owners or links.
func TestFAT(t *testing.T) {
	needRoot(t)
	needTool(t, "mkfs.vfat")
	image := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 40<<20))
	if out, err := exec.Command("mkfs.vfat", image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.vfat: %v: %s", err, out)
	}
	dir := mounted(t, t.TempDir(), "fat", "vfat", image, "loop")
	b := content(2*chunk+1, 1)
	e := fileEntry("big", len(b))
	for range 2 {
		interrupt(t, dir, e, b, func(i uint64) bool { return i == 0 })
	}
	f := open(t, dir, Options{VerifyDisk: true})
	if n := resume(t, f, e, b); n != 1 {
		t.Errorf("%d chunks were reused", n)
	}
	publish(t, f, sealed(t, f, fileEntry("small", 3), []byte("abc")))
	pub := sealed(t, f, fileEntry("SMALL", 3), []byte("xyz"))
	must(t, f.Publish([]*storage.Publication{pub}))
	wantKind(t, pub.Err, storage.Conflict)
	must(t, pub.Partial.Discard(false))
	finish(t, f)
	wantNames(t, dir, "big", "small")
	holds(t, filepath.Join(dir, "big"), b)
	holds(t, filepath.Join(dir, "small"), []byte("abc"))
}
