package storagetest

import (
	"bytes"
	"strings"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

var lookTests = map[string]func(*testing.T, *bench){
	"nothing stands there": func(_ *testing.T, b *bench) {
		d := b.begin()
		_, err := d.Stat(fileOf("f", 1))
		b.absent(err)
		_, err = d.Open(fileOf("f", 1))
		b.absent(err)
		b.must(d.MayPut(fileOf("f", 1)))
		d.untouched()
	},
	"what stands there is told": func(t *testing.T, b *bench) {
		data := content(5000, 1)
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, MTime: someTime, Data: data})
		b.Put(t, "d", Item{Kind: tree.Folder, Mode: 0o755, MTime: someTime})
		d := b.begin()
		info, err := d.Stat(fileOf("f", 1))
		if err != nil || info.Kind != tree.File || info.Size != 5000 || info.MTime != someTime {
			t.Errorf("a file: %+v, %v", info, err)
		}
		if info, err := d.Stat(fileOf("d", 1)); err != nil || info.Kind != tree.Folder {
			t.Errorf("a folder: %+v, %v", info, err)
		}
		_, err = d.Open(fileOf("d", 1))
		b.kind(err, storage.OtherKind)
		if b.Links {
			b.Put(t, "l", Item{Kind: tree.Symlink, Target: "f"})
			if info, err := d.Stat(fileOf("l", 1)); err != nil || info.Kind != tree.Symlink {
				t.Errorf("a link: %+v, %v", info, err)
			}
			_, err = d.Open(fileOf("l", 1))
			b.kind(err, storage.OtherKind)
		}
	},
	"what stands there is read": func(t *testing.T, b *bench) {
		data := content(2*chunk+100, 1)
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, MTime: someTime, Data: data})
		d := b.begin()
		f, err := d.Open(fileOf("f", 1))
		b.must(err)
		readsAs(t, f, data)
		b.must(f.Close())
		d.untouched()
	},
	"a change shows": func(t *testing.T, b *bench) {
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, MTime: someTime, Data: []byte("old")})
		d := b.begin()
		e := fileOf("f", 3)
		before, err := d.Stat(e)
		b.must(err)
		if !d.Unchanged(e, before, before) || !d.KeepsTime(e, before) {
			t.Error("nothing has changed, and something is told")
		}
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, MTime: otherTime, Data: []byte("newer")})
		now, err := d.Stat(e)
		b.must(err)
		if d.Unchanged(e, now, before) || d.KeepsTime(e, now) {
			t.Error("it has changed, and nothing is told")
		}
	},
	"there is room": func(t *testing.T, b *bench) {
		d := b.begin()
		if n, err := d.Free(); err != nil || n <= 0 {
			t.Errorf("%d bytes are free, %v", n, err)
		}
		if d.d.Place() == "" {
			t.Error("the place has no name")
		}
	},
	"names that leave the folder are refused": func(t *testing.T, b *bench) {
		d := b.begin()
		for _, name := range []string{"", ".", "..", "../x", "/x", "a/b", "x\x00", tree.PartialName, ".Ferry-Partial", strings.Repeat("n", tree.MaxName+1)} {
			_, err := d.Stat(fileOf(name, 1))
			b.kind(err, storage.Name)
			_, err = d.Open(fileOf(name, 1))
			b.kind(err, storage.Name)
			b.kind(d.MayPut(fileOf(name, 1)), storage.Name)
			_, err = d.MakeFolder(folderOf(idOf(name), 0, name))
			b.kind(err, storage.Name)
			_, err = d.MakeLink(linkOf(name, "x"), true)
			b.kind(err, storage.Name)
			_, err = d.Keep(fileOf(name, 1))
			if err == nil && !b.Rehearses {
				t.Errorf("%q is kept", name)
			}
			_, err = d.Touch(fileOf(name, 1))
			b.kind(err, storage.Name)
			if d.to.Files != nil {
				_, err = d.to.Files.Begin(fileOf(name, 1), false)
				b.kind(err, storage.Name)
			}
		}
		d.untouched()
	},
	"names that are one are told": func(t *testing.T, b *bench) {
		b.Put(t, "Here", Item{Kind: tree.File, Mode: 0o644, Data: []byte("x")})
		d := b.begin()
		twins := d.to.Twins
		if twins == nil {
			if b.Folds {
				t.Fatal("the place folds names, and hands out no Twins")
			}
			return
		}
		want := storage.Apart
		if b.Folds {
			want = storage.Together
		}
		for _, c := range []struct {
			name, other string
			want        storage.Relation
		}{{"here", "Here", want}, {"Here", "here", want}, {"Here", "Here", storage.Together}} {
			if got, err := twins.Relate(fileOf(c.name, 1), c.other, false); err != nil || got != c.want {
				t.Errorf("%q and %q: %v, %v; want %v", c.name, c.other, got, err, c.want)
			}
		}
		// Of names that nothing has, a rehearsal may foretell more.
		if got, err := twins.Relate(fileOf("new", 1), "New", false); err != nil || got != storage.Unknown && !(b.Rehearses && got == want) {
			t.Errorf("names that nothing has: %v, %v", got, err)
		}
		if is, err := twins.Borrowed(fileOf("here", 1)); err != nil || is {
			t.Errorf("borrowed: %v, %v", is, err)
		}
	},
}

// readsAs checks that f has data, read in pieces and out of order.
func readsAs(t *testing.T, f storage.File, data []byte) {
	t.Helper()
	if info := f.Info(); info.Size != int64(len(data)) || info.Kind != tree.File {
		t.Errorf("Info is %+v, of %d bytes", info, len(data))
	}
	if now, err := f.Stat(); err != nil || !now.SameVersion(f.Info()) {
		t.Errorf("Stat is %+v, %v, and nothing has changed", now, err)
	}
	got := make([]byte, len(data))
	for at := len(data) / 1000 * 1000; at >= 0; at -= 1000 {
		end := min(at+1000, len(data))
		if n, err := f.ReadAt(got[at:end], int64(at)); n != end-at || err != nil && end-at > 0 && end < len(data) {
			t.Fatalf("ReadAt %d: %d bytes, %v", at, n, err)
		}
		if f.Cover(int64(at), int64(end-at)) == tree.AllHole && len(bytes.Trim(data[at:end], "\x00")) > 0 {
			t.Fatalf("data at %d is told to be a hole", at)
		}
	}
	if !bytes.Equal(got, data) {
		t.Error("other bytes were read")
	}
	if n, err := f.ReadAt(make([]byte, 1), int64(len(data))); n > 0 || err == nil {
		t.Errorf("behind the end are %d bytes, %v", n, err)
	}
}
