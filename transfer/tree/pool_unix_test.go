//go:build unix

package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A folder whose handle was given up is not taken for another under its name.
func TestReplacedFolder(t *testing.T) {
	replacements := map[string]func(path, out string) error{
		"folder": func(path, _ string) error { return os.MkdirAll(filepath.Join(path, "b"), 0o700) },
		"link":   func(path, out string) error { return os.Symlink(out, path) },
		"file":   func(path, _ string) error { return os.WriteFile(path, nil, 0o600) },
	}
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			check(t, os.Mkdir(filepath.Join(out, "b"), 0o700))
			path, root := open(t, 1)
			check(t, os.MkdirAll(filepath.Join(path, "a", "b"), 0o700))
			check(t, os.Mkdir(filepath.Join(path, "other"), 0o700))
			a := root.Child("a")
			b := a.Child("b")
			create(t, b, "first", "")
			_, err := a.Stat()
			check(t, err)
			_, err = root.Child("other").Stat() // takes the only handle
			check(t, err)

			check(t, os.Rename(filepath.Join(path, "a"), filepath.Join(path, "moved")))
			check(t, replace(filepath.Join(path, "a"), out))
			for _, d := range []*Dir{b, a} {
				if f, err := d.Create("second", 0o600); !errors.Is(err, ErrReplaced) {
					t.Errorf("Create in %q: %v, %v", d.Path(), f, err)
				}
			}
			if left, err := os.ReadDir(filepath.Join(out, "b")); err != nil || len(left) != 0 {
				t.Errorf("outside is %v, %v", left, err)
			}
			// Back in its place, it is known again.
			check(t, os.RemoveAll(filepath.Join(path, "a")))
			check(t, os.Rename(filepath.Join(path, "moved"), filepath.Join(path, "a")))
			create(t, b, "second", "")
		})
	}
}

// Whoever swaps a parent for a link does not get a file outside.
func TestSwapRace(t *testing.T) {
	out := t.TempDir()
	path, root := open(t, 2)
	a, real, link := filepath.Join(path, "a"), filepath.Join(path, "real"), filepath.Join(path, "link")
	check(t, os.Mkdir(a, 0o700))
	check(t, os.Symlink(out, link))
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(a, real)
			_ = os.Rename(link, a)
			_ = os.Rename(a, link)
			_ = os.Rename(real, a)
		}
	})
	made := 0
	for i := range 3000 {
		// A fresh Dir, which knows no identity yet.
		if f, err := root.Child("a").Create(fmt.Sprint(i), 0o600); err == nil {
			made++
			check(t, f.Close())
		}
		if i%10 == 0 {
			if _, err := root.Child("real").Stat(); err == nil { // shares the two handles
				made++
			}
		}
	}
	close(stop)
	swapper.Wait()
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("%d files outside, %v", len(left), err)
	}
	if made == 0 {
		t.Error("no call ever found the folder: nothing was tested")
	}
}

func TestDeepFolders(t *testing.T) {
	const depth = 300
	name := strings.Repeat("d", 200) // 60 kB in all, far above PATH_MAX
	_, root := open(t, 2)
	d := root
	for range depth {
		check(t, d.Mkdir(name, 0o700))
		d = d.Child(name)
	}
	create(t, d, "bottom", "x")
	if want := strings.Repeat(name+"/", depth-1) + name; d.Path() != want {
		t.Errorf("path of %d bytes, want %d", len(d.Path()), len(want))
	}
	if root.pool.open > 2 {
		t.Errorf("%d handles open", root.pool.open)
	}
	// A new Dir for each folder, all the way down with two handles.
	again := root
	for range depth {
		again = again.Child(name)
	}
	info, err := again.Lstat("bottom")
	if err != nil || info.Size != 1 {
		t.Errorf("bottom is %v, %v", info, err)
	}
	check(t, d.Remove("bottom", false))
	for d.Parent() != nil {
		d = d.Parent()
		check(t, d.Remove(name, true))
	}

	for range MaxDepth + 2 {
		d = d.Child("x")
	}
	if _, err := d.Stat(); !errors.Is(err, ErrTooDeep) {
		t.Errorf("depth %d: %v", MaxDepth+2, err)
	}
}

func TestHandlesAreBounded(t *testing.T) {
	const limit = 3
	path, root := open(t, limit)
	var dirs []*Dir
	for i := range 40 {
		name := fmt.Sprint(i)
		check(t, root.Mkdir(name, 0o700))
		dirs = append(dirs, root.Child(name))
	}
	before := descriptors(t)
	var users sync.WaitGroup
	for u := range 4 {
		users.Go(func() {
			for i := range 400 {
				d := dirs[(i*7+u)%len(dirs)]
				f, err := d.Create(fmt.Sprintf("%d-%d", u, i), 0o600)
				if err != nil {
					t.Error(err)
					return
				}
				f.Close()
				if _, err := d.ReadNames(); err != nil {
					t.Error(err)
				}
				if err := d.Rename(fmt.Sprintf("%d-%d", u, i), dirs[(i+u)%len(dirs)], fmt.Sprintf("%d-%d-r", u, i), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	if n := descriptors(t) - before; n > limit || root.pool.open > limit {
		t.Errorf("%d descriptors more, %d counted, limit %d", n, root.pool.open, limit)
	}
	files := 0
	check(t, filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	}))
	if files != 1600 {
		t.Errorf("%d files, want 1600", files)
	}
	check(t, root.pool.Close())
	if n := descriptors(t); n != before-1 {
		t.Errorf("%d descriptors after Close, want %d", n, before-1)
	}
	for _, d := range []*Dir{root, dirs[0]} {
		if _, err := d.Stat(); !errors.Is(err, errClosed) {
			t.Errorf("Stat after Close: %v", err)
		}
	}
	if _, err := root.pool.Open(path); !errors.Is(err, errClosed) {
		t.Errorf("Open after Close: %v", err)
	}
}

// A call under way keeps its handle through Close, and closes it at its end.
func TestCloseBesideACall(t *testing.T) {
	_, root := open(t, 2)
	check(t, root.Mkdir("d", 0o700))
	before := descriptors(t)
	d := root.Child("d")
	h, err := d.pool.acquire(d)
	check(t, err)
	check(t, root.pool.Close())
	if _, err := fstat(int(h)); err != nil {
		t.Errorf("the handle in use was closed: %v", err)
	}
	d.pool.release(d)
	if n := descriptors(t); n != before-1 {
		t.Errorf("%d descriptors after Close, want %d", n, before-1)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/dev/fd")
	check(t, err)
	return len(fds)
}
