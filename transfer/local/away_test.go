package local_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/send"
	"ferry/transfer/storage/memory"
	"ferry/transfer/tree"
)

// away is a source that is on no disk, and what it has.
func away(t *testing.T) (*memory.Tree, map[string][]byte) {
	t.Helper()
	from, rnd, files := memory.NewTree(), rand.New(rand.NewPCG(1, 2)), make(map[string][]byte)
	for path, size := range map[string]int{
		"a": 10, "a-b": 0, "d/b": 100, "d/e/c": 3<<20 + 5, "d.x": checksum.ChunkSize, "d/mid": 200 << 10, "keep/k.log": 7,
	} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		files[path] = data
		from.Put(path, data, tree.Time{Sec: 1e9, Nsec: 5e8})
	}
	from.Put("empty/", nil, tree.Time{})
	return from, files
}

func awaySource(from tree.Away, contents bool) []send.Source {
	s := tree.Source{Path: "mem:top", Name: "top", Away: from, Contents: contents}
	if contents {
		s.Name = ""
	}
	return []send.Source{{Source: s}}
}

// holds compares a folder with what it is to have.
func holds(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	var names []string
	deliverytest.Must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	}))
	if len(names) != len(files) {
		t.Errorf("there are %q", names)
	}
	for path, want := range files {
		if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s has %d bytes, %v; want %d", path, len(got), err, len(want))
		}
	}
}

func TestAwayIsCopied(t *testing.T) {
	from, files := away(t)
	dst := t.TempDir()
	for round, want := range []transfer.Result{{Delivered: 12}, {Delivered: 0}} {
		_, _, r, err := deliverytest.Mirror(t, dst, awaySource(from, false), nil)
		if err != nil || r.Failed > 0 || round == 1 && r.Delivered != want.Delivered {
			t.Fatalf("%v: %+v", err, r)
		}
		holds(t, dst+"/top", files)
	}
	if info, err := os.Stat(dst + "/top/empty"); err != nil || !info.IsDir() {
		t.Error(err)
	}
	if s := deliverytest.Deliver(t, t.Context(), t.TempDir(), awaySource(from, true)); s.SendErr != nil || s.ReceiveErr != nil {
		t.Error(s.SendErr, s.ReceiveErr)
	}
	// Without its folders there is one file.
	one := memory.NewTree()
	one.Put("", []byte("one"), tree.Time{Sec: 5})
	if _, _, r, err := deliverytest.Mirror(t, dst, awaySource(one, false), func(o *local.Options) { o.Delete = nil }); err == nil {
		t.Errorf("a file took the place of a folder: %+v", r)
	}
	dst = t.TempDir()
	if _, _, r, err := deliverytest.Mirror(t, dst, awaySource(one, false), nil); err != nil || r.Delivered != 1 {
		t.Errorf("%v: %+v", err, r)
	}
	holds(t, dst, map[string][]byte{"top": []byte("one")})
}

// A deletion holds a folder beside what is away as beside one on disk.
func TestDeleteOfWhatAnAwayHasNot(t *testing.T) {
	from, files := away(t)
	dst := t.TempDir()
	rules, err := filter.Read(strings.NewReader("*.log\n"), "test")
	deliverytest.Must(t, err)
	list, err := filter.New(rules)
	deliverytest.Must(t, err)
	_, _, _, err = deliverytest.Mirror(t, dst, awaySource(from, true), nil)
	deliverytest.Must(t, err)
	for _, extra := range []string{"x", "d/y", "keep/more.log", "old/deep/o"} {
		deliverytest.Write(t, filepath.Join(dst, extra), 10, 1)
	}
	from.Remove("a-b")
	delete(files, "a-b")
	ruled := func(o *local.Options) { o.Send.Select.Rules = tree.RulesOf(list) }
	_, _, r, err := deliverytest.Mirror(t, dst, awaySource(from, true), func(o *local.Options) { ruled(o); o.Delete.Max = 2 })
	if !errors.Is(err, local.ErrTooManyDeletions) {
		t.Errorf("%v: %+v", err, r)
	}
	_, deleted, _, err := deliverytest.Mirror(t, dst, awaySource(from, true), ruled)
	if want := []string{"a-b", "d/y", "old", "old/deep", "old/deep/o", "x"}; err != nil || !slices.Equal(deleted, want) {
		t.Errorf("%v: it deleted %q, want %q", err, deleted, want)
	}
	from.Put("more", nil, tree.Time{Sec: 5})
	for path := range files {
		from.Remove(path)
	}
	from.Remove("more")
	if _, _, _, err = deliverytest.Mirror(t, dst, awaySource(from, true), func(o *local.Options) { o.Delete.Max = 100 }); err != nil {
		t.Error(err) // the empty folder is left, and delivered
	}
	from.Remove("empty/")
	if _, deleted, _, err = deliverytest.Mirror(t, dst, awaySource(from, true), nil); err == nil || deleted != nil {
		t.Errorf("%v: of a source that is gone it deleted %q", err, deleted)
	}
}

func TestDeleteOfAnEmptyAway(t *testing.T) {
	from, dst := memory.NewTree(), t.TempDir()
	from.Put("/", nil, tree.Time{})
	deliverytest.Write(t, filepath.Join(dst, "x"), 10, 1)
	if _, deleted, _, err := deliverytest.Mirror(t, dst, awaySource(from, true), nil); !errors.Is(err, local.ErrEmptySource) || deleted != nil {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
	if _, deleted, _, err := deliverytest.Mirror(t, dst, awaySource(from, true), func(o *local.Options) { o.Delete.All = true }); err != nil || len(deleted) != 1 {
		t.Errorf("%v: it deleted %q", err, deleted)
	}
}

func TestNothingIsRemovedFromAnAway(t *testing.T) {
	from, _ := away(t)
	_, _, r, err := deliverytest.Mirror(t, t.TempDir(), awaySource(from, true), func(o *local.Options) { o.Send.Remove = &send.Removal{} })
	own := new(transfer.Error)
	if !errors.As(err, &own) || own.Code != framing.CodeUnsupported || r.Delivered != 0 {
		t.Errorf("%v: %+v", err, r)
	}
}

// A file that is another one each time is not delivered, and one that is gone neither.
func TestAwayThatChanges(t *testing.T) {
	from, _ := away(t)
	var n atomic.Int64
	from.Before = func(path string) error {
		switch path {
		case "d/e/c":
			from.Put(path, make([]byte, 3<<20), tree.Time{Sec: n.Add(1)})
		case "a":
			return fs.ErrNotExist
		}
		return nil
	}
	saw, _, r, err := deliverytest.Mirror(t, t.TempDir(), awaySource(from, true), nil)
	codes := make(map[string]framing.Code)
	for _, f := range deliverytest.Find[transfer.ItemFailed](saw) {
		codes[f.Path] = f.Err.Code
	}
	if !errors.Is(err, transfer.ErrIncomplete) || r.Failed != 2 || codes["mem:top/d/e/c"] != framing.CodeChanged || codes["mem:top/a"] != framing.CodeVanished {
		t.Errorf("%v: %+v, %v", err, r, codes)
	}
}
