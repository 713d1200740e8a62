package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/windows"

	"ferry/transfer/tree/treetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// put makes the file at path, with that mode.
func put(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	err := os.WriteFile(path, []byte(content), 0o666)
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if b, err := os.ReadFile(path); string(b) != want || want == "" && err == nil {
		t.Errorf("%s has %q, %v; want %q", filepath.Base(path), b, err, want)
	}
}

// What a file's mark for read-only is for is to keep it from being changed by mistake. What
// takes its place is no mistake.
func TestReadOnlyIsReplacedAndRemoved(t *testing.T) {
	at := t.TempDir()
	d := openTestDir(t, at)
	in := func(name string) string { return filepath.Join(at, name) }
	for _, mode := range []fs.FileMode{0o444, 0o666} { // of what takes the place
		put(t, in("new"), "new", mode)
		put(t, in("old"), "old", 0o444)
		if err := d.Rename("new", d, "old", false); !errors.Is(err, fs.ErrExist) {
			t.Errorf("renamed to a name that is taken: %v", err)
		}
		holds(t, in("old"), "old")
		if err := d.Rename("new", d, "old", true); err != nil {
			t.Fatal(err)
		}
		holds(t, in("old"), "new")
		holds(t, in("new"), "")
		if info, err := d.Lstat("old"); err != nil || info.Mode&0o200 != uint32(mode)&0o200 {
			t.Errorf("it is %+v, %v", info, err)
		}
		if err := d.Remove("old", true); !errors.Is(err, NotFolder) {
			t.Errorf("a file went as a folder: %v", err)
		}
		if err := d.Remove("old", false); err != nil {
			t.Fatal(err)
		}
		holds(t, in("old"), "")
	}
}

// The way of file systems that know no flags must do the same.
func TestReadOnlyIsReplacedSimply(t *testing.T) {
	at := t.TempDir()
	d := openTestDir(t, at)
	put(t, filepath.Join(at, "new"), "new", 0o666)
	put(t, filepath.Join(at, "old"), "old", 0o444)
	err := d.at("rename", "new", func(h handle) error {
		f, err := openAt(h.self, "new", windows.DELETE)
		if err != nil {
			return err
		}
		p := pair{h.self, h.self, "new", "old"}
		if err := p.moveSimply(f, 0); err != windows.STATUS_OBJECT_NAME_COLLISION {
			t.Errorf("without leave: %v", err)
		}
		return errors.Join(p.moveSimply(f, windows.FILE_RENAME_REPLACE_IF_EXISTS), f.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(at, "old"), "new")
}

func TestRenameBetweenFolders(t *testing.T) {
	at := t.TempDir()
	d := openTestDir(t, at)
	for _, name := range []string{"a", "b", "a/deep", "b/full", "b/full/x"} {
		if err := d.Mkdir("x", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(at, "x"), filepath.Join(at, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	a, b := d.Child("a"), d.Child("b")
	put(t, filepath.Join(at, "a", "deep", "f"), "content", 0o666)
	// Handles of what is in a folder must not keep it where it is.
	if _, err := a.Child("deep").ReadNames(); err != nil {
		t.Fatal(err)
	}
	if err := a.Rename("deep", b, "deep", false); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(at, "b", "deep", "f"), "content")
	if err := d.Rename("a", b, "full", true); err == nil {
		t.Error("a folder that is not empty was replaced")
	}
	if err := d.Rename("b", d, "b2", false); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove("a", false); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder went as a file: %v", err)
	}
	if err := d.Remove("b2", true); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("a folder went with what is in it: %v", err)
	}
	if err := d.Remove("a", true); err != nil {
		t.Error(err)
	}
	for _, name := range []string{`x\y`, "x:y", "", strings.Repeat("n", 256)} {
		if err := d.Rename("b2", d, name, true); !errors.Is(err, ErrName) {
			t.Errorf("renamed to %q: %v", name, err)
		}
	}
}

func TestLinkKeepsBothNames(t *testing.T) {
	at := t.TempDir()
	d := openTestDir(t, at)
	put(t, filepath.Join(at, "one"), "x", 0o444)
	if err := d.Link("one", d, "two"); err != nil {
		t.Fatal(err)
	}
	if err := d.Link("one", d, "two"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("linked over a name: %v", err)
	}
	one, err := d.Lstat("one")
	if err != nil || one.Nlink != 2 {
		t.Errorf("%+v, %v", one, err)
	}
	if err := d.Remove("one", false); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(at, "two"), "x")
	if two, err := d.Lstat("two"); err != nil || two.Mode&0o200 != 0 || two.Nlink != 1 {
		t.Errorf("the other name is %+v, %v", two, err)
	}
	if err := d.Remove("two", false); err != nil {
		t.Error(err)
	}
}

// A scanner that has a new file open for a while costs that while.
func TestBusyFile(t *testing.T) {
	at := t.TempDir()
	d := openTestDir(t, at)
	put(t, filepath.Join(at, "f"), "x", 0o666)
	path, err := windows.UTF16PtrFromString(filepath.Join(at, "f"))
	if err != nil {
		t.Fatal(err)
	}
	alone := func() windows.Handle {
		h, err := windows.CreateFile(path, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := alone()
	if _, _, err := d.OpenFile("f"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("opened: %v", err)
	}
	done := make(chan error)
	time.AfterFunc(10*time.Millisecond, func() { done <- windows.CloseHandle(h) })
	if err := d.Rename("f", d, "g", false); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	holds(t, filepath.Join(at, "g"), "x")
}

func TestTimes(t *testing.T) {
	at := t.TempDir()
	d := openTestDir(t, at)
	put(t, filepath.Join(at, "f"), "x", 0o666)
	times := []Time{{Sec: 1_500_000_000, Nsec: 123_456_700}, {Sec: -1, Nsec: 999_999_900}, {Sec: 1 << 33}}
	if !treetest.Wine() { // whose file systems are those of Unix
		times = append(times, Time{Sec: -11_644_473_599}, Time{Sec: 1 << 37})
	}
	for _, want := range times {
		err := d.SetLinkTime("f", want, false)
		if info, lerr := d.Lstat("f"); err != nil || lerr != nil || info.MTime != want {
			t.Errorf("%+v became %+v, %v, %v", want, info.MTime, err, lerr)
		}
	}
	for _, never := range []Time{{Sec: -11_644_473_601}, {Sec: 1 << 60}} {
		if err := d.SetLinkTime("f", never, false); !errors.Is(err, syscall.ERANGE) {
			t.Errorf("%+v: %v", never, err)
		}
	}
}

func TestSyncFolder(t *testing.T) {
	d := openTestDir(t, t.TempDir())
	if err := d.Mkdir("a", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Dir{d, d.Child("a")} {
		if err := d.Sync(); err != nil {
			t.Error(err)
		}
	}
}

// Callers ask for numbers of POSIX, which the system does not use.
func TestKnown(t *testing.T) {
	wrapped := &fs.PathError{Op: "write", Path: "x", Err: windows.ERROR_DISK_FULL}
	err := Known(errors.Join(wrapped))
	for _, e := range []error{Known(wrapped), err, Known(err)} {
		if !errors.Is(e, syscall.ENOSPC) || !errors.Is(e, windows.ERROR_DISK_FULL) || !Failing(e) || e.Error() != wrapped.Error() {
			t.Errorf("%v is not known", e)
		}
		if at := new(fs.PathError); !errors.As(e, &at) || at.Path != "x" {
			t.Errorf("%v has no path", e)
		}
	}
	if err := Known(windows.ERROR_PRIVILEGE_NOT_HELD); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v is no matter of rights", err)
	}
	for _, same := range []error{nil, fs.ErrExist, windows.ERROR_FILE_NOT_FOUND} {
		if got := Known(same); got != same {
			t.Errorf("%v became %v", same, got)
		}
	}
}
