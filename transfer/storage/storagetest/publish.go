package storagetest

import (
	"fmt"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// tryToPublish publishes one file, which may fail; the delivery goes on.
func (d *delivery) tryToPublish(pub *storage.Publication) {
	d.b.t.Helper()
	if err := d.to.Files.Publish([]*storage.Publication{pub}); err != nil {
		d.b.t.Errorf("the delivery is ended by %v", err)
	}
}

var publishTests = map[string]func(*testing.T, *bench){
	"only what may be replaced is": func(t *testing.T, b *bench) {
		b.delivers()
		for _, size := range []int{3, chunk + 1} {
			for _, replace := range []bool{false, true} {
				b.Put(t, "file", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
				b.Put(t, "folder", Item{Kind: tree.Folder, Mode: 0o755})
				names := []string{"file", "folder"}
				if b.Links {
					b.Put(t, "link", Item{Kind: tree.Symlink, Target: "elsewhere"})
					names = append(names, "link")
				}
				d := b.begin()
				for _, name := range names {
					before := b.List(t)[name]
					e := fileOf(name, size)
					pub := d.sealed(e, content(size, 1))
					pub.Replace = replace
					d.tryToPublish(pub)
					switch {
					case !replace:
						b.kind(pub.Err, storage.Conflict)
					case name == "folder":
						b.kind(pub.Err, storage.OtherKind)
					case pub.Err != nil:
						t.Errorf("%s is not replaced: %v", name, pub.Err)
					default:
						b.stands(name, itemOf(e, content(size, 1)))
						continue
					}
					b.stands(name, before)
					b.must(pub.Partial.Discard(false))
				}
				b.must(d.d.Close())
			}
		}
	},
	"only what was seen is replaced": func(t *testing.T, b *bench) {
		b.delivers()
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, MTime: otherTime, Data: []byte("old")})
		d := b.begin()
		e := fileOf("f", 3)
		seen, err := d.Stat(e)
		b.must(err)
		newer := Item{Kind: tree.File, Mode: 0o644, MTime: otherTime, Data: []byte("newer")}
		b.Put(t, "f", newer)
		pub := d.sealed(e, []byte("new"))
		pub.Replace, pub.Expect = true, &seen
		d.tryToPublish(pub)
		b.kind(pub.Err, storage.Conflict)
		b.stands("f", newer)
		seen, err = d.Stat(e)
		b.must(err)
		pub.Expect = &seen
		d.publish(pub) // the same partial, now that the user has agreed
		b.stands("f", itemOf(e, []byte("new")))
	},
	"what is gone need not be replaced": func(t *testing.T, b *bench) {
		b.delivers()
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, Data: []byte("old")})
		d := b.begin()
		e := fileOf("f", 3)
		seen, err := d.Stat(e)
		b.must(err)
		b.Remove(t, "f")
		pub := d.sealed(e, []byte("new"))
		pub.Replace, pub.Expect = true, &seen
		d.publish(pub)
		b.stands("f", itemOf(e, []byte("new")))
	},
	"a free name is found": func(t *testing.T, b *bench) {
		b.delivers()
		for _, name := range []string{"a.txt", "a (1).txt", "b"} {
			b.Put(t, name, Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
		}
		b.Put(t, "a (2).txt", Item{Kind: tree.Folder, Mode: 0o755})
		d := b.begin()
		for name, want := range map[string]string{"a.txt": "a (3).txt", "b": "b (1)", "c": ""} {
			for _, size := range []int{3, chunk + 1} {
				e := fileOf(name, size)
				p := d.start(e)
				if r, ok := d.to.Files.(storage.Renamer); ok && want != "" {
					b.must(p.Discard(false))
					var err error
					p, err = r.BeginAs(e, want, false)
					b.must(err)
				}
				pub := d.seal(p, e, content(size, 2))
				pub.Rename = true
				d.tryToPublish(pub)
				if pub.Err != nil || pub.Name != want {
					t.Fatalf("%q is published as %q, %v; want %q", name, pub.Name, pub.Err, want)
				}
				took := want
				if took == "" {
					took = name
				}
				b.stands(took, itemOf(e, content(size, 2)))
				b.Remove(t, took)
			}
		}
		b.stands("a.txt", Item{Kind: tree.File, Data: []byte("mine")})
	},
	"one of a batch fails": func(t *testing.T, b *bench) {
		b.delivers()
		b.Put(t, "5", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
		d := b.begin()
		var batch []*storage.Publication
		for i := range 20 {
			size := 10 + i
			if i == 7 {
				size = chunk + 1
			}
			batch = append(batch, d.sealed(fileOf(fmt.Sprint(i), size), content(size, 3)))
		}
		other := d.sealed(fileOf("other", 3), []byte("abc"))
		other.Entry = fileOf("another", 3) // of another name than it was begun with
		b.must(d.to.Files.Publish(append(batch, other)))
		b.kind(other.Err, storage.Name)
		for i, pub := range batch {
			if i == 5 {
				b.kind(pub.Err, storage.Conflict)
				b.stands("5", Item{Kind: tree.File, Data: []byte("mine")})
				continue
			}
			if pub.Err != nil {
				t.Errorf("%d: %v", i, pub.Err)
			}
			b.stands(pub.Entry.Name, itemOf(pub.Entry, content(int(pub.Entry.Size), 3)))
		}
		// What failed can be tried again.
		batch[5].Replace = true
		d.publish(batch[5])
		b.stands("5", itemOf(batch[5].Entry, content(15, 3)))
	},
	"each name of one file is replaced": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.beginWith(Options{}, tree.Metadata{HardLinks: true})
		if !b.HardLinks || !d.to.Keeps.HardLinks {
			t.Skip("there are no hard links here")
		}
		first := fileOf("a", 3)
		first.ID, first.Linked = 1, true
		d.publish(d.sealed(first, []byte("old")))
		for _, name := range []string{"b", "c"} {
			_, err := d.to.Special.MakeHardLink(&tree.Entry{ID: idOf(name), Kind: tree.HardLink, Name: name, LinkTo: 1, Linked: true}, false)
			b.must(err)
		}
		d.finish()
		b.must(d.d.Close())
		d = b.begin()
		seen := make(map[string]tree.Info)
		for _, name := range []string{"a", "b", "c"} {
			info, err := d.Stat(fileOf(name, 3))
			b.must(err)
			seen[name] = info
		}
		for _, name := range []string{"a", "b", "c"} {
			pub := d.sealed(fileOf(name, 3), []byte("n-"+name))
			expect := seen[name]
			pub.Replace, pub.Expect = true, &expect
			d.publish(pub)
			b.stands(name, Item{Kind: tree.File, Data: []byte("n-" + name)})
		}
	},
}
