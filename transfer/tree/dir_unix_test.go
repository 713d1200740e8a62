//go:build unix

package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oddNames are valid on any Unix file system that takes bytes.
var oddNames = []string{"a b", "new\nline", "\x1b[31mred", "-rf", "*", "~", "..a", "\xff\xfe", "é", "e\u0301", "😀", `back\slash`,
	strings.Repeat("n", 255)}

// open opens a fresh folder in a pool of limit handles.
func open(t *testing.T, limit int) (string, *Dir) {
	t.Helper()
	path := t.TempDir()
	p := NewDirs(limit)
	t.Cleanup(func() { check(t, p.Close()) })
	d, err := p.Open(path)
	check(t, err)
	return path, d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(content), 0o600))
}

func create(t *testing.T, d *Dir, name, content string) {
	t.Helper()
	f, err := d.Create(name, 0o600)
	check(t, err)
	_, err = f.WriteString(content)
	check(t, err)
	check(t, f.Close())
}

func TestOddNames(t *testing.T) {
	_, d := open(t, 2)
	for _, name := range oddNames {
		create(t, d, name, name)
	}
	names, err := d.ReadNames()
	check(t, err)
	var got []string
	for _, n := range names {
		got = append(got, n.Name)
	}
	if want := slices.Sorted(slices.Values(oddNames)); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	for _, name := range oddNames {
		buf := make([]byte, 300)
		n, before, after, err := d.readSmall(name, buf, false)
		if err != nil || string(buf[:n]) != name || before.Size != int64(len(name)) || !before.SameVersion(after) {
			t.Errorf("%q reads as %q, %v", name, buf[:n], err)
		}
	}
}

func TestNoCallFollowsLinks(t *testing.T) {
	out := t.TempDir()
	write(t, filepath.Join(out, "file"), "kept")
	path, d := open(t, 4)
	check(t, os.Symlink(out, filepath.Join(path, "folder")))
	check(t, os.Symlink(filepath.Join(out, "file"), filepath.Join(path, "file")))
	check(t, os.Symlink(filepath.Join(out, "new"), filepath.Join(path, "dangling")))
	before, err := statPath(filepath.Join(out, "file"), true)
	check(t, err)

	fails := map[string]error{}
	_, fails["stat"] = d.Child("folder").Stat()
	fails["mkdir"] = d.Child("folder").Mkdir("new", 0o700)
	fails["setmode"] = d.Child("folder").SetMode(0o777)
	_, fails["apply"] = (&Apply{Mode: 0o777, MTime: Time{Sec: 1}}).ToFolder(d.Child("folder"))
	_, fails["names"] = d.Child("folder").ReadNames()
	_, _, fails["open"] = d.OpenFile("file")
	_, _, _, fails["readsmall"] = d.readSmall("file", make([]byte, 10), false)
	_, fails["openrw"] = d.OpenRW("file")
	_, fails["create"] = d.Create("dangling", 0o600)
	fails["mkdir over"] = d.Mkdir("dangling", 0o700)
	fails["remove as folder"] = d.Remove("folder", true)
	for op, err := range fails {
		if err == nil {
			t.Errorf("%s went through a link", op)
		}
	}
	info, err := d.Lstat("file")
	if err != nil || info.Kind != Symlink {
		t.Errorf("Lstat of a link: %v, %v", info.Kind, err)
	}
	check(t, d.SetLinkTime("file", Time{Sec: 5, Nsec: 6}, false))
	if info, err = d.Lstat("file"); err != nil || info.MTime != (Time{5, 6}) {
		t.Errorf("the link's mtime is %v, %v", info.MTime, err)
	}
	// A link is renamed, linked and removed itself.
	check(t, d.Link("file", d, "second"))
	if target, err := d.Readlink("second"); err != nil || target != filepath.Join(out, "file") {
		t.Errorf("hard link to a link is %q, %v", target, err)
	}
	create(t, d, "plain", "")
	check(t, d.Rename("plain", d, "file", true))
	check(t, d.Remove("second", false))
	if after, err := statPath(filepath.Join(out, "file"), true); err != nil || !after.SameVersion(before) {
		t.Errorf("the file outside changed: %v, %v", after, err)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
		t.Errorf("outside is %v, %v", left, err)
	}
}

func TestRename(t *testing.T) {
	path, d := open(t, 4)
	check(t, d.Mkdir("sub", 0o700))
	sub := d.Child("sub")
	content := func(name string) string {
		b, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			return "none"
		}
		return string(b)
	}
	looking := func(name string, to *Dir, newName string) error {
		return d.two("rename", name, to, newName, pair.renameLooking)
	}
	exclusive := func(name string, to *Dir, newName string) error { return d.Rename(name, to, newName, false) }
	for how, rename := range map[string]func(string, *Dir, string) error{"exclusive": exclusive, "looking": looking} {
		create(t, d, "new", "new")
		create(t, sub, "taken", "old")
		if err := rename("new", sub, "taken"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: renamed over a file: %v", how, err)
		}
		if content("new") != "new" || content("sub/taken") != "old" {
			t.Errorf("%s: left %q and %q", how, content("new"), content("sub/taken"))
		}
		check(t, rename("new", sub, "free"))
		if content("new") != "none" || content("sub/free") != "new" {
			t.Errorf("%s: left %q and %q", how, content("new"), content("sub/free"))
		}
		check(t, d.Mkdir("folder", 0o700))
		check(t, sub.Mkdir("empty", 0o700))
		if err := rename("folder", sub, "empty"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: renamed over an empty folder: %v", how, err)
		}
		check(t, rename("folder", sub, "folder"))
		for _, name := range []string{"folder", "empty"} {
			check(t, sub.Remove(name, true))
		}
		for _, name := range []string{"free", "taken"} {
			check(t, sub.Remove(name, false))
		}
	}
	create(t, d, "new", "new")
	create(t, sub, "taken", "old")
	if err := d.Rename("new", d, "sub", true); err == nil {
		t.Error("a file replaced a folder")
	}
	check(t, d.Rename("new", sub, "taken", true))
	if content("sub/taken") != "new" {
		t.Errorf("replaced, it reads %q", content("sub/taken"))
	}
	var link *os.LinkError
	if err := d.Rename("none", sub, "x", true); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &link) || link.New != "sub/x" {
		t.Errorf("renaming nothing: %v", err)
	}
}

func TestUnnamed(t *testing.T) {
	path, d := open(t, 2)
	f, err := d.CreateUnnamed(0o600)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no unnamed files here")
	}
	check(t, err)
	defer f.Close()
	if left, err := os.ReadDir(path); err != nil || len(left) != 0 {
		t.Errorf("unnamed, it shows as %v, %v", left, err)
	}
	_, err = f.WriteString("content")
	check(t, err)
	create(t, d, "taken", "old")
	if err := d.LinkUnnamed(f, "taken"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("linked over a file: %v", err)
	}
	check(t, d.Mkdir("sub", 0o700))
	check(t, d.Child("sub").LinkUnnamed(f, "given"))
	for name, want := range map[string]string{"taken": "old", "sub/given": "content"} {
		if b, err := os.ReadFile(filepath.Join(path, name)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v", name, b, err)
		}
	}
}

func TestExactModesAndTimes(t *testing.T) {
	stamp := Time{Sec: 1234567890, Nsec: 123456789}
	for _, mask := range []int{0o077, 0o000, 0o777} {
		path, d := open(t, 4)
		old := syscall.Umask(mask) // of the process: no test here runs in parallel
		for _, mode := range []uint32{0, 0o400, 0o644, 0o755, 0o777, 0o7644} {
			name := fmt.Sprintf("%o", mode)
			f, err := d.Create(name, 0o600)
			check(t, err)
			before, err := f.Stat()
			check(t, err)
			_, err = (&Apply{Mode: mode, MTime: stamp}).ToFile(f)
			check(t, err)
			check(t, f.Close())
			info, err := d.Lstat(name)
			if err != nil || info.Mode != mode&0o777 || info.MTime != stamp {
				t.Errorf("umask %o: mode %o as %o, mtime %v, %v", mask, mode, info.Mode, info.MTime, err)
			}
			now, err := os.Stat(filepath.Join(path, name))
			check(t, err)
			if !atime(now).Equal(atime(before)) {
				t.Error("the atime changed")
			}

			check(t, d.Mkdir("d"+name, 0o700))
			sub := d.Child("d" + name)
			if mask == 0o777 { // or only root could open it
				check(t, os.Chmod(filepath.Join(path, "d"+name), 0o700))
			}
			_, err = (&Apply{Mode: mode, MTime: stamp}).ToFolder(sub)
			check(t, err)
			if info, err = d.Lstat("d" + name); err != nil || info.Mode != mode&0o777 || info.MTime != stamp {
				t.Errorf("umask %o: folder's mode %o as %o, mtime %v, %v", mask, mode, info.Mode, info.MTime, err)
			}
		}
		syscall.Umask(old)
	}
}

func atime(fi os.FileInfo) time.Time {
	st := fi.Sys().(*syscall.Stat_t)
	return accessTime(st)
}

func TestSetModeKeepsWhatIsTheReceivers(t *testing.T) {
	path, d := open(t, 2)
	check(t, d.Mkdir("shared", 0o700))
	check(t, unix.Chmod(filepath.Join(path, "shared"), 0o2770|unix.S_ISVTX))
	info, err := d.Lstat("shared")
	check(t, err)
	special := info.Mode &^ 0o777
	for mode, set := range map[uint32]func() error{
		0o750: func() error { return d.Child("shared").SetMode(0o750) },
		0o705: func() error {
			_, err := (&Apply{Mode: 0o705, MTime: info.MTime}).ToFolder(d.Child("shared"))
			return err
		},
	} {
		check(t, set())
		after, err := d.Lstat("shared")
		if err != nil || after.Mode != special|mode || after.MTime != info.MTime {
			t.Errorf("mode %o of %o, mtime %v of %v, %v", after.Mode, info.Mode, after.MTime, info.MTime, err)
		}
	}
}

func TestReadSmall(t *testing.T) {
	path, d := open(t, 2)
	create(t, d, "five", "12345")
	create(t, d, "empty", "")
	check(t, unix.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	check(t, d.Mkdir("folder", 0o700))
	for _, c := range []struct {
		name string
		buf  int
		want string
		size int64
	}{{"five", 10, "12345", 5}, {"five", 5, "12345", 5}, {"five", 4, "1234", 5}, {"five", 0, "", 5}, {"empty", 4, "", 0}} {
		buf := make([]byte, c.buf)
		n, before, after, err := d.readSmall(c.name, buf, false)
		if err != nil || string(buf[:n]) != c.want || before.Size != c.size || !after.SameVersion(before) {
			t.Errorf("%+v: %q, size %d, %v", c, buf[:n], before.Size, err)
		}
	}
	for _, name := range []string{"fifo", "folder"} {
		if _, _, _, err := d.readSmall(name, make([]byte, 9), false); !errors.Is(err, ErrNotRegular) {
			t.Errorf("readSmall(%s): %v", name, err)
		}
		if _, _, err := d.OpenFile(name); !errors.Is(err, ErrNotRegular) {
			t.Errorf("OpenFile(%s): %v", name, err)
		}
	}
	var pathError *fs.PathError
	_, _, _, err := d.Child("folder").readSmall("none", nil, false)
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &pathError) || pathError.Path != "folder/none" {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestOpenRWAndLink(t *testing.T) {
	_, d := open(t, 2)
	create(t, d, "a", "old")
	f, err := d.OpenRW("a")
	check(t, err)
	_, err = f.WriteAt([]byte("new"), 0)
	check(t, err)
	check(t, f.Close())
	check(t, d.Link("a", d, "b"))
	if err := d.Link("a", d, "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("linked over a file: %v", err)
	}
	buf := make([]byte, 9)
	n, info, _, err := d.readSmall("b", buf, false)
	if err != nil || string(buf[:n]) != "new" || info.Nlink != 2 {
		t.Errorf("b is %q, %d links, %v", buf[:n], info.Nlink, err)
	}
	check(t, d.Sync())
	h, err := d.Handle()
	check(t, err)
	self, err := Fstat(h)
	check(t, err)
	check(t, h.Close())
	if now, err := d.Stat(); err != nil || !now.SameFile(self) || self.Kind != Folder {
		t.Errorf("the handle is of %+v, not %+v, %v", self, now, err)
	}
}

func TestExchange(t *testing.T) {
	top, d := open(t, 1)
	create(t, d, "file", "content")
	mkdir(t, top, "folder", "sub")
	err := d.Exchange("file", d, "folder")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the file system cannot")
	}
	check(t, err)
	if info, err := d.Lstat("file"); err != nil || info.Kind != Folder {
		t.Errorf("%+v, %v", info, err)
	}
	if info, err := d.Lstat("folder"); err != nil || info.Kind != File {
		t.Errorf("%+v, %v", info, err)
	}
	if err := d.Exchange("file", d, "absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with nothing: %v", err)
	}
}

func TestReadNamesBeside(t *testing.T) {
	_, d := open(t, 1)
	const count = 3000 // several reads of the kernel
	for i := range count {
		create(t, d, fmt.Sprintf("%04d", i), "")
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 5 {
				names, err := d.ReadNames()
				if err != nil || len(names) != count || names[7].Name != "0007" || names[7].Kind != File && names[7].Kind != 0 {
					t.Errorf("%d names, %v", len(names), err)
				}
			}
		})
	}
	readers.Wait()
}
