package storagetest_test

import (
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/storage/memory"
	"ferry/transfer/storage/storagetest"
	"ferry/transfer/tree"
)

// place is a storagetest.Place on a Disk.
type place struct {
	disk  *memory.Disk
	loses tree.Attr
}

func (p place) Open(t testing.TB, o storagetest.Options) storage.Destination {
	all := tree.Metadata{Owner: true, HardLinks: true, Devices: true}
	return p.disk.Open(unmoved{t}, "memory", memory.Options{NoSync: o.NoSync, Keeps: all, Loses: p.loses})
}

func (p place) Has() storagetest.Traits {
	return storagetest.Traits{
		Modes: true, Links: true, HardLinks: true, FIFOs: true, Folds: p.disk.FoldCase,
		Unkept: &tree.Extra{Owner: &tree.Owner{UID: 7, GID: 8}}, Granted: tree.Metadata{Owner: true}, Lost: tree.AttrOwner,
	}
}

func items(list map[string]memory.Item) map[string]storagetest.Item {
	out := make(map[string]storagetest.Item)
	for path, i := range list {
		out[path] = storagetest.Item(i)
	}
	return out
}

func (p place) List(testing.TB) map[string]storagetest.Item { return items(p.disk.List(false)) }

func (p place) Lasting(testing.TB) map[string]storagetest.Item { return items(p.disk.List(true)) }

func (p place) Put(t testing.TB, path string, i storagetest.Item) {
	if !p.disk.Put(path, memory.Item(i)) {
		t.Fatalf("%q is in no folder", path)
	}
}

func (p place) Remove(_ testing.TB, path string) { p.disk.Remove(path) }

func TestContract(t *testing.T) {
	for name, folds := range map[string]bool{"apart": false, "folding": true} {
		t.Run(name, func(t *testing.T) {
			storagetest.Destination(t, func(*testing.T) storagetest.Place {
				p := place{disk: memory.NewDisk(), loses: tree.AttrOwner}
				p.disk.FoldCase = folds
				return p
			})
		})
	}
}

// original is a storagetest.Original.
type original struct{ file *memory.Source }

func (o original) Source() storage.Source { return o.file }

func (o original) Change(_ testing.TB, data []byte, mtime tree.Time) { o.file.Change(data, mtime) }

func (original) Replace(testing.TB, []byte, tree.Time) bool { return false }

func (original) Remove(testing.TB) bool { return false }

func TestSourceContract(t *testing.T) {
	storagetest.Source(t, func(_ *testing.T, data []byte, mtime tree.Time) storagetest.Original {
		return original{memory.NewSource(data, mtime)}
	})
}

// unmoved is a test that misuse does not fail: the suite tries it too.
type unmoved struct{ testing.TB }

func (unmoved) Error(...any) {}
