//go:build unix

package checksum

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// deepTree makes folders in each other, so deep that the system refuses the path, and
// a file in each hundredth. It returns the names of the files below dir.
func deepTree(t *testing.T, dir string, depth int) []string {
	t.Helper()
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	path := ""
	for i := range depth {
		if i%100 == 99 {
			fd, err := unix.Openat(at, "f", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o666)
			if err == nil {
				_, err = unix.Write(fd, []byte(fmt.Sprint(i)))
				unix.Close(fd)
			}
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, path+"f")
		}
		if err := unix.Mkdirat(at, "deep", 0o777); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, "deep", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(at)
		if err != nil {
			t.Fatal(err)
		}
		at = next
		path += "deep/"
	}
	unix.Close(at)
	return names
}

func TestTreeDeeperThanAPathMayBe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	want := deepTree(t, dir, 3000)
	var got, paths []string
	for _, f := range collect(t, FilesOptions{Recurse: true}, nil, dir) {
		if f.Err != nil || f.Size == 0 {
			t.Fatalf("%.80s…: %d bytes, %v", f.Path, f.Size, f.Err)
		}
		paths = append(paths, f.Path)
		got = append(got, strings.TrimPrefix(f.Path, dir+"/"))
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != 30 || !slices.Equal(got, want) {
		t.Errorf("%d files instead of %d", len(got), len(want))
	}
	// As a list names them.
	for _, f := range collect(t, FilesOptions{NoPipes: true}, nil, paths...) {
		if f.Err != nil {
			t.Errorf("%.80s…: %v", f.Path, f.Err)
		}
	}
	seen := 0
	err := Walk(t.Context(), dir, func(_ string, err error) error {
		seen++
		return err
	})
	if err != nil || seen != len(want) {
		t.Errorf("Walk sees %d files, %v", seen, err)
	}
}

// A file of sysfs has the size of a page, whatever is in it.
func TestFileThatIsShorterThanItsSize(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /sys")
	}
	const path = "/sys/kernel/mm/transparent_hugepage/enabled"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Skip("needs sysfs:", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() <= int64(len(content)) {
		t.Skip("the file has its true size here")
	}
	files := collect(t, FilesOptions{}, nil, path)
	if len(files) != 1 || files[0].Err != nil || files[0].Digest != oracle(content) || files[0].Size != int64(len(content)) {
		t.Errorf("%+v", files)
	}
}

func TestNoPipes(t *testing.T) {
	pipe := mkfifo(t, filepath.Join(t.TempDir(), "pipe"))
	files := collect(t, FilesOptions{NoPipes: true}, nil, pipe)
	if len(files) != 1 || files[0].Err != ErrNotRegular {
		t.Errorf("%+v", files)
	}
}
