package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	got, err := parse([]string{"chmod=EPERM", "write=EIO@7", "fsyncdir=EOPNOTSUPP"})
	if err != nil {
		t.Fatal(err)
	}
	for op, want := range map[operation]struct {
		errno syscall.Errno
		after int64
	}{"chmod": {unix.EPERM, 0}, "write": {unix.EIO, 7}, "fsyncdir": {unix.EOPNOTSUPP, 0}} {
		if a := got[op]; a == nil || syscall.Errno(a.status) != want.errno || a.after != want.after {
			t.Errorf("%s gives %v, want %v", op, a, want)
		}
	}
	for _, bad := range []string{"chmod", "chmod=", "chmod=EWHAT", "dance=EPERM", "chmod=EPERM@x", "chmod=EPERM@-1@"} {
		if _, err := parse([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// What is refused is refused, and all else goes through.
func TestRefuses(t *testing.T) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil || os.Geteuid() != 0 {
		t.Skipf("no mount here: %v", err)
	} else {
		_ = f.Close()
	}
	backing, mount := t.TempDir(), t.TempDir()
	ended := make(chan error, 1)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	go func() {
		ended <- run([]string{backing, mount, "symlink=EOPNOTSUPP", "write=EIO@1"}, write)
		_ = write.Close()
	}()
	line := make([]byte, 100)
	if n, err := read.Read(line); err != nil || string(line[:n]) != "mounted\n" {
		t.Fatalf("%q, %v, %v", line[:n], err, <-ended)
	}
	if err := os.Symlink("a", filepath.Join(mount, "link")); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("symlink gives %v", err)
	}
	f, err := os.Create(filepath.Join(mount, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("one")); err != nil {
		t.Errorf("the first write gives %v", err)
	}
	if _, err := f.Write([]byte("two")); !errors.Is(err, unix.EIO) {
		t.Errorf("the second write gives %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(backing, "file")); string(b) != "one" {
		t.Errorf("%q is there, %v", b, err)
	}
	if err := unix.Unmount(mount, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
