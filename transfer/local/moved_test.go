package local_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/transfer/dest"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// everywhere runs a test for a copy on one machine, and between two with the user at either.
func everywhere(t *testing.T, test func(t *testing.T)) {
	t.Run("local", test)
	for _, user := range []string{"sender", "receiver"} {
		t.Run("far, user at the "+user, func(t *testing.T) {
			deliverytest.Far(t, user)
			test(t)
		})
	}
}

// rename moves an item of the source, and makes the folder that it goes to.
func rename(t *testing.T, src, from, to string) {
	t.Helper()
	deliverytest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(src, to)), 0o755))
	deliverytest.Must(t, os.Rename(filepath.Join(src, from), filepath.Join(src, to)))
}

// What was renamed or moved since the last delivery costs no content, and what it was is
// removed.
func TestMovedFilesCostNothing(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
		total := int64(0)
		for i, size := range []int{1, 300, 70 << 10, 1 << 20, 1<<20 + 1, 5 << 20} {
			for j, dir := range []string{"a", "b/c", "whole/folder"} {
				name := filepath.Join(src, dir, fmt.Sprintf("f%d", i))
				deliverytest.Write(t, name, size, uint64(i*10+j))
				// So times tell nothing, nor sizes of those in other folders.
				deliverytest.Must(t, os.Chtimes(name, time.Time{}, time.Unix(1e9, 0)))
				total += int64(size)
			}
		}
		if _, _, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			rename(t, src, fmt.Sprintf("a/f%d", i), fmt.Sprintf("a/g%d", 5-i))
			rename(t, src, fmt.Sprintf("b/c/f%d", i), fmt.Sprintf("new/f%d", i))
		}
		rename(t, src, "whole/folder", "elsewhere/same folder")
		_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
		if err != nil || r.Moved != 0 || r.Reused != total || len(deleted) < 18 || !r.Durable {
			t.Errorf("%v: %d bytes moved, %d of %d were there; deleted %q", err, r.Moved, r.Reused, total, deleted)
		}
		deliverytest.SameTree(t, src, dst)
		if _, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil || deleted != nil || r.Delivered != 0 {
			t.Errorf("%v: the second time it deleted %q, and delivered %d", err, deleted, r.Delivered)
		}
	})
}

// A file of the size is no more than a candidate: what has other bytes comes, and what was
// touched on the way too.
func TestMovedFilesAreCompared(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
		for i, size := range []int{100, 3<<20 + 7} {
			deliverytest.Write(t, filepath.Join(src, fmt.Sprint("stays", i)), size, 1)
			deliverytest.Write(t, filepath.Join(src, fmt.Sprint("new", i)), size, 2)
			deliverytest.Write(t, filepath.Join(dst, fmt.Sprint("other", i)), size, 3)
		}
		// Moved, and then its end was changed.
		old := deliverytest.Write(t, filepath.Join(dst, "before"), 4<<20, 4)
		old[len(old)-1]++
		deliverytest.Must(t, os.WriteFile(filepath.Join(src, "after"), old, 0o644))
		_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil)
		if want := int64(2*(100+3<<20+7) + 1<<20); err != nil || r.Moved > want || len(deleted) != 3 || r.Reused < 3<<20 {
			t.Errorf("%v: %d bytes moved, at most %d have to, %d were there; deleted %q", err, r.Moved, want, r.Reused, deleted)
		}
		deliverytest.SameTree(t, src, dst)
	})
}

// Files of one size with other times and names were not moved: none is hashed for a new one.
func TestMovedFilesOfOneSize(t *testing.T) {
	src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
	for i := range 10 {
		for j, root := range []string{src, dst} {
			name := filepath.Join(root, fmt.Sprintf("%d segment %d", j, i))
			deliverytest.Write(t, name, 5000, uint64(100*j+i))
			deliverytest.Must(t, os.Chtimes(name, time.Time{}, time.Unix(1e9+int64(100*j+i), 0)))
		}
	}
	deliverytest.Write(t, filepath.Join(dst, "gone", "alike"), 5000, 3)
	rename(t, src, "0 segment 3", "alike") // found by its name: it has another time by now
	opened := 0
	_, deleted, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
		d, derr := local.NewFolder(dst, local.FolderOptions{})
		deliverytest.Must(t, derr)
		t.Cleanup(func() { deliverytest.Must(t, d.Close()) })
		o.Receive.Destination = shifty{d.(*dest.Folder), func() error {
			opened++
			return nil
		}}
	})
	if err != nil || len(deleted) != 12 || r.Moved != 9*5000 || opened > 4 {
		t.Errorf("%v: %d bytes moved, %d files were opened, deleted %q", err, r.Moved, opened, deleted)
	}
	deliverytest.SameTree(t, src, dst)
}

// What is not to be removed is no candidate, and without a deletion nothing is.
func TestMovedFilesAreThoseThatGo(t *testing.T) {
	src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "kept", "f"), 2<<20, 1)
	if _, _, _, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), nil); err != nil {
		t.Fatal(err)
	}
	deliverytest.Write(t, filepath.Join(dst, "protected", "g"), 2<<20, 2)
	deliverytest.Write(t, filepath.Join(src, "copy of f"), 2<<20, 1)
	deliverytest.Write(t, filepath.Join(src, "as g"), 2<<20, 2)
	_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
		o.Delete.Keep = func(path string) bool { return path == "protected" || path == "protected/g" }
	})
	if err != nil || r.Moved != 4<<20 {
		t.Errorf("%v: %d bytes moved", err, r.Moved)
	}
	deliverytest.Write(t, filepath.Join(src, "third"), 2<<20, 5)
	deliverytest.Write(t, filepath.Join(dst, "goes"), 2<<20, 5)
	_, _, r, err = deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) { o.Delete = nil })
	if err != nil || r.Moved != 2<<20 {
		t.Errorf("without a deletion: %v: %d bytes moved", err, r.Moved)
	}
}

// shifty is a folder in which a file changes each time it is opened to be taken from.
type shifty struct {
	*dest.Folder
	change func() error
}

func (d shifty) Start(m tree.Metadata) (*storage.Landing, error) {
	l, err := d.Folder.Start(m)
	if err == nil {
		l.Moved = shiftyMoved{l.Moved, d.change}
	}
	return l, err
}

type shiftyMoved struct {
	storage.Moved
	change func() error
}

func (m shiftyMoved) Find(ctx context.Context, e *tree.Entry) (all []*storage.Former) {
	for _, f := range m.Moved.Find(ctx, e) {
		all = append(all, &storage.Former{Path: f.Path, Open: func() (storage.File, error) {
			if err := m.change(); err != nil {
				return nil, err
			}
			return f.Open()
		}})
	}
	return all
}

// A candidate that changes or goes once it was found costs that the content comes.
func TestMovedFileThatChanges(t *testing.T) {
	for _, size := range []int{1000, 3 << 20} {
		for name, change := range map[string]func(path string, n int) error{
			"gone": func(path string, n int) error {
				if n > 0 {
					return nil
				}
				return os.Remove(path)
			},
			"another": func(path string, n int) error { return os.WriteFile(path, bytes.Repeat([]byte{byte(n)}, size), 0o644) },
			"later": func(path string, n int) error { // when it was compared and is taken
				if n == 0 {
					return nil
				}
				return os.Remove(path)
			},
		} {
			src, dst := filepath.Join(t.TempDir(), "src"), t.TempDir()
			deliverytest.Write(t, filepath.Join(src, "new"), size, 1)
			deliverytest.Write(t, filepath.Join(dst, "old"), size, 1)
			n := 0
			_, _, r, err := deliverytest.Mirror(t, dst, deliverytest.Contents(src), func(o *local.Options) {
				d, derr := local.NewFolder(dst, local.FolderOptions{})
				deliverytest.Must(t, derr)
				t.Cleanup(func() { deliverytest.Must(t, d.Close()) })
				o.Receive.Destination = shifty{d.(*dest.Folder), func() error {
					defer func() { n++ }()
					return change(filepath.Join(dst, "old"), n)
				}}
			})
			want := int64(size)
			if name == "later" && size > 1<<20 {
				want = 0 // it is opened once
			}
			if err != nil || r.Moved != want || n == 0 {
				t.Errorf("%s, %d bytes: %v, %d moved, opened %d times", name, size, err, r.Moved, n)
			}
			deliverytest.SameTree(t, src, dst)
		}
	}
}
