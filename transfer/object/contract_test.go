package object

import (
	"context"
	"io"
	"strings"
	"testing"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/storage"
	"ferry/transfer/storage/storagetest"
	"ferry/transfer/tree"
)

// contractPlace is a storagetest.Place in a store.
type contractPlace struct {
	b         *bucket.Bucket
	rehearses bool
	part      int64
}

// openBucket opens a place of package objecttest for one test.
func openBucket(t testing.TB, place string, o bucket.Options) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(context.Background(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func (p contractPlace) Open(t testing.TB, o storagetest.Options) storage.Destination {
	t.Helper()
	open := NewDestination
	if p.rehearses {
		open = NewRehearsal
	}
	d, err := open(context.Background(), p.b, Options{NoSync: o.NoSync, VerifyDisk: o.NoSync, part: p.part})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p contractPlace) Has() storagetest.Traits {
	return storagetest.Traits{Rehearses: p.rehearses, Modes: true, Holds: true, Bare: true, Forgets: true, Run: int(p.part >> 20)}
}

// content reads an object.
func content(t testing.TB, b *bucket.Bucket, key string) []byte {
	t.Helper()
	body, err := b.Get(context.Background(), key, 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (p contractPlace) List(t testing.TB) map[string]storagetest.Item {
	t.Helper()
	list := make(map[string]storagetest.Item)
	for l, err := range p.b.List(context.Background(), "", true) {
		if err != nil {
			t.Fatal(err)
		}
		if isStateKey(l.Key) {
			continue
		}
		path, folder, err := pathOfKey(l.Key)
		if err != nil {
			t.Fatal(err)
		}
		o, err := p.b.Head(context.Background(), l.Key)
		if err != nil {
			t.Fatal(err)
		}
		m := decodeMeta(o.Meta)
		i := storagetest.Item{Kind: tree.File, Mode: m.Mode, MTime: m.MTime}
		if folder {
			i.Kind = tree.Folder
		} else {
			i.Data = content(t, p.b, l.Key)
		}
		list[path] = i
		for at := strings.LastIndexByte(path, '/'); at > 0; at = strings.LastIndexByte(path[:at], '/') {
			if _, there := list[path[:at]]; !there {
				list[path[:at]] = storagetest.Item{Kind: tree.Folder}
			}
		}
	}
	return list
}

func (p contractPlace) Lasting(testing.TB) map[string]storagetest.Item { return nil }

func (p contractPlace) Put(t testing.TB, path string, i storagetest.Item) {
	t.Helper()
	p.Remove(t, path)
	m := meta{MTime: i.MTime, HasMTime: i.MTime != (tree.Time{}), Mode: i.Mode, HasMode: true}
	if i.Kind == tree.Folder {
		path += "/"
	}
	if _, err := p.b.Put(context.Background(), path, i.Data, m.encode(), bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func (p contractPlace) Remove(t testing.TB, path string) {
	t.Helper()
	keys := []string{path}
	for l, err := range p.b.List(context.Background(), path+"/", true) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, l.Key)
	}
	for key, err := range p.b.Delete(context.Background(), keys) {
		t.Fatal(key, err)
	}
}

func contract(t *testing.T, rig func(testing.TB) (string, bucket.Options), part int64, rehearses bool) {
	storagetest.Destination(t, func(t *testing.T) storagetest.Place {
		place, o := rig(t)
		return contractPlace{openBucket(t, place, o), rehearses, part}
	})
}

func TestContract(t *testing.T) { contract(t, objecttest.Fake, 2<<20, false) }

// A part of one chunk has most files of the suite be uploads.
func TestContractOfUploads(t *testing.T) { contract(t, objecttest.Fake, 1<<20, false) }

func TestContractAtARealStore(t *testing.T) { contract(t, objecttest.Versity, 5<<20, false) }

func TestRehearsalContract(t *testing.T) { contract(t, objecttest.Fake, partSize, true) }
