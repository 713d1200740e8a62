package object

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// laid is a store with files below "top", and what they are.
func laid(t *testing.T, o bucket.Options) (*bucket.Bucket, map[string][]byte) {
	t.Helper()
	b, err := bucket.Open(t.Context(), "s3://"+objecttest.Name+"/top", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	rnd, files := rand.NewChaCha8([32]byte{4, 2}), make(map[string][]byte)
	for path, size := range map[string]int{"a": 10, "a-b/x": 0, "a.b/c": 100 << 10, "d/e/large": 11<<20 + 7, "d/chunk": checksum.ChunkSize, "d/mid": 300 << 10} {
		files[path] = make([]byte, size)
		_, _ = rnd.Read(files[path])
	}
	many := 150
	if objecttest.Raced {
		many = 40
	}
	for i := range many {
		files["many/"+strings.Repeat("n", i%7)+string(rune('a'+i%26))+string(rune('a'+i/26))] = []byte{byte(i), byte(i >> 8)}
	}
	for path, data := range files {
		m := meta{MTime: tree.Time{Sec: 1e9 + int64(len(data)), Nsec: 5e8}, HasMTime: true, Mode: 0o600, HasMode: true, Digest: checksum.Sum(data), HasDigest: len(path)%2 == 0}
		if _, err := b.Put(t.Context(), path, data, m.encode(), bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Put(t.Context(), "empty/", nil, nil, bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	return b, files
}

// fromStore is what a delivery is told of a place.
func fromStore(t *testing.T, place string, o bucket.Options) []send.Source {
	t.Helper()
	return []send.Source{{Source: sourceAt(t, place, o).Tree()}}
}

// holdsFiles compares a folder with what it is to have.
func holdsFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	found := make(map[string]bool)
	deliverytest.Must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			found[filepath.ToSlash(rel)] = true
		}
		return err
	}))
	for path, data := range files {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(got), err, len(data))
		}
		delete(found, path)
	}
	if len(found) > 0 {
		t.Errorf("beside it there is %v", slices.Sorted(maps.Keys(found)))
	}
}

// What a store has comes to a folder, is found the same the next time, and what it has not is
// deleted there; with both ends here, and over a link.
func TestStoreToFolder(t *testing.T) {
	for name, store := range map[string]func(testing.TB) (string, bucket.Options){"in process": objecttest.Fake, "real": objecttest.Versity} {
		for _, far := range []string{"", "sender", "receiver"} {
			if far == "receiver" && name == "real" {
				continue // what is new in it was tried
			}
			t.Run(name+" "+far, func(t *testing.T) {
				_, o := store(t)
				if far != "" {
					deliverytest.Far(t, far)
				}
				b, files := laid(t, o)
				dst, place := t.TempDir(), "s3://"+objecttest.Name+"/top"
				_, _, r, err := deliverytest.Mirror(t, dst, fromStore(t, place, o), nil)
				if err != nil || r.Failed > 0 {
					t.Fatalf("%v: %+v", err, r)
				}
				holdsFiles(t, filepath.Join(dst, "top"), files)
				info, err := os.Stat(filepath.Join(dst, "top/d/mid"))
				if err != nil || info.Mode().Perm() != treetest.Mode(0o600) || info.ModTime().UnixNano() != (1e9+300<<10)*1e9+5e8 {
					t.Errorf("%v: %v", err, info)
				}
				if info, err := os.Stat(filepath.Join(dst, "top/empty")); err != nil || !info.IsDir() {
					t.Error(err)
				}
				source := sourceAt(t, place, o)
				_, deleted, r, err := deliverytest.Mirror(t, dst, []send.Source{{Source: source.Tree()}}, nil)
				if err != nil || r.Delivered > 0 || deleted != nil {
					t.Errorf("%v: the second time %+v, without %q", err, r, deleted)
				}
				if source.Close(); source.room.free != source.room.most {
					t.Errorf("%d of %d bytes are given back of what was read and not wanted", source.room.free, source.room.most)
				}
				deliverytest.Write(t, filepath.Join(dst, "top/d/extra"), 10, 1)
				deliverytest.Write(t, filepath.Join(dst, "top/old/x"), 10, 1)
				b.Delete(t.Context(), []string{"a.b/c"})
				delete(files, "a.b/c")
				_, deleted, _, err = deliverytest.Mirror(t, dst, fromStore(t, place, o), nil)
				if want := []string{"top/a.b", "top/a.b/c", "top/d/extra", "top/old", "top/old/x"}; err != nil || !slices.Equal(deleted, want) {
					t.Errorf("%v: it deleted %q, want %q", err, deleted, want)
				}
				holdsFiles(t, filepath.Join(dst, "top"), files)
			})
		}
	}
}

// An empty place deletes nothing, nor does one that is not there.
func TestEmptyStoreDeletesNothing(t *testing.T) {
	_, o := objecttest.Fake(t)
	dst := t.TempDir()
	deliverytest.Write(t, filepath.Join(dst, "mine"), 10, 1)
	_, deleted, _, err := deliverytest.Mirror(t, dst, fromStore(t, "s3://"+objecttest.Name, o), nil)
	if !errors.Is(err, local.ErrEmptySource) || deleted != nil {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	_, deleted, r, err := deliverytest.Mirror(t, dst, fromStore(t, "s3://"+objecttest.Name+"/gone/", o), nil)
	if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 1 || deleted != nil {
		t.Errorf("%v: %+v, it deleted %q", err, r, deleted)
	}
}

// A digest that was stored and is another than that of the content fails the item, whatever
// its size, and no other.
func TestStoreGivesBackOtherBytes(t *testing.T) {
	_, o := objecttest.Fake(t)
	b, files := laid(t, o)
	bad := []string{"a", "d/mid", "d/chunk", "d/e/large", "a.b/c"}
	for _, path := range bad {
		m := meta{Digest: checksum.Sum([]byte("other")), HasDigest: true}
		if _, err := b.Put(t.Context(), path, files[path], m.encode(), bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
		delete(files, path)
	}
	for _, far := range []string{"", "sender"} {
		if far != "" {
			deliverytest.Far(t, far)
		}
		dst := t.TempDir()
		saw, _, r, err := deliverytest.Mirror(t, dst, fromStore(t, "s3://"+objecttest.Name+"/top/", o), nil)
		if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != int64(len(bad)) {
			t.Errorf("%v: %+v", err, r)
		}
		failed := make(map[string]bool)
		for _, f := range deliverytest.Find[transfer.ItemFailed](saw) {
			if f.Err.Code != framing.CodeDigest || !strings.Contains(f.Err.Error(), "digest") {
				t.Errorf("%s: %v", f.Path, f.Err)
			}
			failed[strings.TrimPrefix(f.Path, "s3://"+objecttest.Name+"/top/")] = true
		}
		for _, path := range bad {
			if !failed[path] {
				t.Errorf("%s did not fail", path)
			}
		}
		holdsFiles(t, dst, files)
	}
}

// A connection that breaks now and then costs nothing, and a store that is away ends the
// delivery.
func TestStoreWithFaultsToFolder(t *testing.T) {
	_, next := objecttest.Fake(t)
	_, files := laid(t, next)
	proxy := objecttest.Faulty(t, next)
	proxy.Random(1, 20, objecttest.Rule{Op: "get", Fault: objecttest.CutAnswer, N: 1000}, objecttest.Rule{Op: "head", Fault: objecttest.Refuse},
		objecttest.Rule{Op: "list", Fault: objecttest.Status, N: 503}, objecttest.Rule{Op: "get", Fault: objecttest.Status, N: 500})
	dst := t.TempDir()
	if _, _, r, err := deliverytest.Mirror(t, dst, fromStore(t, "s3://"+objecttest.Name+"/top/", proxy.Options()), nil); err != nil {
		t.Errorf("%v: %+v", err, r)
	}
	holdsFiles(t, dst, files)
}
