package storagetest

import (
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

var folderTests = map[string]func(*testing.T, *bench){
	"a folder is made and finished": func(t *testing.T, b *bench) {
		d := b.begin()
		outer, inner := folderOf(1, 0, "outer"), folderOf(2, 1, "inner")
		for _, e := range []*tree.Entry{outer, inner} {
			if out, err := d.MakeFolder(e); err != nil || out.Same || out.Adjusted || len(b.lost(out.Lost))+len(out.Notes) > 0 {
				t.Fatalf("%s: %+v, %v", e.Name, out, err)
			}
		}
		for _, e := range []*tree.Entry{inner, outer} {
			out, err := d.FinishFolder(e)
			if err != nil || out.Same || out.Adjusted || len(b.lost(out.Lost)) > 0 {
				t.Fatalf("finishing %s: %+v, %v", e.Name, out, err)
			}
		}
		d.finish()
		for _, path := range []string{"outer", "outer/inner"} {
			d.stands(path, Item{Kind: tree.Folder, Mode: 0o750, MTime: someTime})
		}
	},
	"a folder that is there is taken over": func(t *testing.T, b *bench) {
		b.Put(t, "d", Item{Kind: tree.Folder, Mode: 0o700, MTime: otherTime})
		b.Put(t, "d/mine", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine"), MTime: otherTime})
		b.Put(t, "same", Item{Kind: tree.Folder, Mode: 0o750, MTime: someTime})
		d := b.begin()
		for id, name := range map[uint64]string{1: "d", 2: "same"} {
			e := folderOf(id, 0, name)
			made, err := d.MakeFolder(e)
			if err != nil || !made.Same {
				t.Fatalf("%s: %+v, %v", name, made, err)
			}
			done, err := d.FinishFolder(e)
			if err != nil || !done.Same || b.Modes && !b.Bare && (made.Adjusted || done.Adjusted) != (name == "d") {
				t.Errorf("%s: made %+v, finished %+v, %v", name, made, done, err)
			}
		}
		d.finish()
		d.stands("d", Item{Kind: tree.Folder, Mode: 0o750, MTime: someTime})
		d.stands("d/mine", Item{Kind: tree.File, Data: []byte("mine"), MTime: otherTime})
	},
	"no other kind is taken for a folder": func(t *testing.T, b *bench) {
		b.Put(t, "file", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
		b.Put(t, "folder", Item{Kind: tree.Folder, Mode: 0o755})
		names := []string{"file"}
		if b.Links {
			b.Put(t, "link", Item{Kind: tree.Symlink, Target: "folder"})
			names = append(names, "link")
		}
		d := b.begin()
		for i, name := range names {
			_, err := d.MakeFolder(folderOf(uint64(i+1), 0, name))
			b.kind(err, storage.OtherKind)
		}
		d.untouched()
	},
	"ids are of open folders": func(t *testing.T, b *bench) {
		d := b.begin()
		if _, err := d.MakeFolder(folderOf(2, 7, "x")); err == nil {
			t.Error("a folder is made in one that is not open")
		}
		if _, err := d.Stat(&tree.Entry{ID: 3, Parent: 7, Kind: tree.File, Name: "x"}); err == nil {
			t.Error("something is looked for in a folder that is not open")
		}
		_, err := d.MakeFolder(folderOf(1, 0, "a"))
		b.must(err)
		if _, err := d.MakeFolder(folderOf(1, 0, "b")); err == nil {
			t.Error("two folders get one id")
		}
		_, err = d.FinishFolder(folderOf(1, 0, "a"))
		b.must(err)
		if _, err := d.FinishFolder(folderOf(1, 0, "a")); err == nil && !b.Rehearses {
			t.Error("a folder is finished twice")
		}
	},
	"a folder is taken back": func(t *testing.T, b *bench) {
		b.Put(t, "old", Item{Kind: tree.Folder, Mode: 0o755, MTime: otherTime})
		d := b.begin()
		for id, name := range map[uint64]string{1: "new", 2: "old"} {
			_, err := d.MakeFolder(folderOf(id, 0, name))
			b.must(err)
			b.must(d.UnmakeFolder(folderOf(id, 0, name)))
		}
		d.gone("new")
		d.stands("old", Item{Kind: tree.Folder})
		// The ids are free again.
		_, err := d.MakeFolder(folderOf(1, 0, "other"))
		b.must(err)
	},
	"the destination gets its metadata at the end": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		root := &tree.Entry{ID: 9, Kind: tree.Root, Mode: 0o755, MTime: someTime}
		out, err := d.MakeFolder(root)
		if err != nil || !out.Same {
			t.Fatalf("%+v, %v", out, err)
		}
		e := fileOf("f", 3)
		e.Parent = 9
		d.publish(d.sealed(e, []byte("abc")))
		_, err = d.FinishFolder(root)
		b.must(err)
		if r := d.finish(); r.Root != 9 || len(b.lost(r.Lost)) > 0 {
			t.Errorf("%+v", r)
		}
		b.stands("f", itemOf(e, []byte("abc")))
	},
	"a folder that was swapped is not finished": func(t *testing.T, b *bench) {
		b.delivers()
		if b.Holds {
			t.Skip("a folder that is open keeps its name here")
		}
		d := b.begin()
		e := folderOf(1, 0, "d")
		_, err := d.MakeFolder(e)
		b.must(err)
		b.Remove(t, "d")
		b.Put(t, "d", Item{Kind: tree.Folder, Mode: 0o755, MTime: otherTime})
		_, err = d.FinishFolder(e)
		b.kind(err, storage.Gone)
		b.stands("d", Item{Kind: tree.Folder, Mode: 0o755, MTime: otherTime})
	},
	"a folder under another spelling is the same or a conflict": func(t *testing.T, b *bench) {
		if !b.Folds || b.Rehearses {
			t.Skip("names are told apart here, or nothing is made")
		}
		d := b.begin()
		for _, e := range []*tree.Entry{folderOf(1, 0, "d"), folderOf(2, 1, "Sub")} {
			_, err := d.MakeFolder(e)
			b.must(err)
		}
		if out, err := d.MakeFolder(folderOf(3, 1, "sub")); err != nil || !out.Same {
			b.kind(err, storage.Conflict)
		}
	},
	"the umask holds": func(t *testing.T, b *bench) {
		b.delivers()
		if !b.Modes {
			t.Skip("there are no modes here")
		}
		b.Put(t, "old", Item{Kind: tree.File, Mode: 0o666, MTime: otherTime, Data: []byte("abc")})
		d := b.beginWith(Options{}, tree.Metadata{Umask: 0o077})
		if d.to.Keeps.Umask != 0o077 {
			t.Errorf("it keeps %+v", d.to.Keeps)
		}
		folder, file, old := folderOf(1, 0, "d"), fileOf("f", 3), fileOf("old", 3)
		folder.Mode, file.Mode, old.Mode, file.Parent = 0o777, 0o777, 0o644, 1
		_, err := d.MakeFolder(folder)
		b.must(err)
		d.publish(d.sealed(file, []byte("abc")))
		_, err = d.Touch(old)
		b.must(err)
		_, err = d.FinishFolder(folder)
		b.must(err)
		d.finish()
		b.stands("d", Item{Kind: tree.Folder, Mode: 0o700})
		b.stands("d/f", Item{Kind: tree.File, Mode: 0o700, Data: []byte("abc")})
		b.stands("old", Item{Kind: tree.File, Mode: 0o644, Data: []byte("abc")}) // bits that it had may stay
	},
}
