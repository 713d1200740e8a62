package storagetest

import (
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

var linkTests = map[string]func(*testing.T, *bench){
	"links":         linksTest,
	"hard links":    hardLinksTest,
	"FIFOs":         fifosTest,
	"touch":         touchTest,
	"touched twice": touchedNamesTest,
	"what is kept stays": func(t *testing.T, b *bench) {
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o600, MTime: otherTime, Data: []byte("abc")})
		d := b.begin()
		if out, err := d.Keep(fileOf("f", 3)); err != nil || !out.Same || out.Adjusted {
			t.Errorf("%+v, %v", out, err)
		}
		d.finish()
		d.untouched()
	},
}

func linksTest(t *testing.T, b *bench) {
	if !b.Links {
		t.Skip("there are no symbolic links here")
	}
	for _, replace := range []bool{false, true} {
		for _, path := range []string{"same", "other", "file", "folder", "new"} {
			b.Remove(t, path)
		}
		b.Put(t, "same", Item{Kind: tree.Symlink, Target: "target", MTime: otherTime})
		b.Put(t, "other", Item{Kind: tree.Symlink, Target: "elsewhere"})
		b.Put(t, "file", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
		b.Put(t, "folder", Item{Kind: tree.Folder, Mode: 0o755})
		d := b.begin()
		want := Item{Kind: tree.Symlink, Target: "target", MTime: someTime}
		if out, err := d.MakeLink(linkOf("new", "target"), replace); err != nil || out.Same {
			t.Errorf("a new link: %+v, %v", out, err)
		}
		d.stands("new", want)
		if out, err := d.MakeLink(linkOf("same", "target"), replace); err != nil || !out.Same || !out.Adjusted {
			t.Errorf("a link that is there: %+v, %v", out, err)
		}
		d.stands("same", want)
		_, err := d.MakeLink(linkOf("folder", "target"), replace)
		b.kind(err, storage.OtherKind)
		for _, name := range []string{"other", "file"} {
			out, err := d.MakeLink(linkOf(name, "target"), replace)
			if !replace {
				b.kind(err, storage.Conflict)
				continue
			}
			if err != nil || out.Same {
				t.Errorf("in the place of %s: %+v, %v", name, out, err)
			}
			d.stands(name, want)
		}
		if !replace {
			d.stands("file", Item{Kind: tree.File, Data: []byte("mine")})
		}
		_, err = d.MakeLink(linkOf("empty", ""), replace)
		b.kind(err, storage.Name)
		d.finish()
		b.must(d.d.Close())
	}
}

func hardLinksTest(t *testing.T, b *bench) {
	b.delivers()
	d := b.beginWith(Options{}, tree.Metadata{HardLinks: true})
	if !b.HardLinks || !d.to.Keeps.HardLinks {
		t.Skip("there are no hard links here")
	}
	special := d.to.Special
	hard := func(id, to uint64, name string, more bool) *tree.Entry {
		return &tree.Entry{ID: id, Kind: tree.HardLink, Name: name, LinkTo: to, Linked: more}
	}
	one := func(a, b2 string) bool {
		list := b.List(t)
		return list[a].Ino == list[b2].Ino && list[a].Ino != 0
	}
	first := fileOf("first", 3)
	first.ID, first.Linked = 1, true
	d.publish(d.sealed(first, []byte("abc")))
	for _, same := range []bool{false, true} {
		if out, err := special.MakeHardLink(hard(2, 1, "second", true), false); err != nil || out.Same != same {
			t.Errorf("the second name: %+v, %v; want same %v", out, err, same)
		}
	}
	if !one("first", "second") {
		t.Error("two items")
	}
	b.Put(t, "taken", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
	b.Put(t, "folder", Item{Kind: tree.Folder, Mode: 0o755})
	_, err := special.MakeHardLink(hard(3, 1, "taken", true), false)
	b.kind(err, storage.Conflict)
	_, err = special.MakeHardLink(hard(4, 1, "folder", true), true)
	b.kind(err, storage.OtherKind)
	_, err = special.MakeHardLink(hard(3, 1, "taken", false), true)
	b.must(err)
	if !one("first", "taken") {
		t.Error("it was not replaced")
	}
	_, err = special.MakeHardLink(hard(5, 1, "late", false), true)
	b.kind(err, storage.Unsupported) // the last one came before
	kept := fileOf("first", 3)
	kept.ID, kept.Linked = 6, true
	_, err = d.Keep(kept)
	b.must(err)
	_, err = special.MakeHardLink(hard(7, 6, "third", true), false)
	b.must(err)
	if !one("first", "third") {
		t.Error("it is no link to what was kept")
	}
	special.Forget(6)
	_, err = special.MakeHardLink(hard(8, 6, "fourth", true), false)
	b.kind(err, storage.Unsupported)
	d.finish()
}

func fifosTest(t *testing.T, b *bench) {
	b.delivers()
	d := b.beginWith(Options{}, tree.Metadata{Devices: true})
	if !b.FIFOs || !d.to.Keeps.Devices {
		t.Skip("there are no FIFOs here")
	}
	node := func(name string) *tree.Entry {
		return &tree.Entry{ID: idOf(name), Kind: tree.FIFO, Name: name, Mode: 0o620, MTime: someTime}
	}
	b.Put(t, "file", Item{Kind: tree.File, Mode: 0o644, Data: []byte("mine")})
	b.Put(t, "folder", Item{Kind: tree.Folder, Mode: 0o755})
	_, err := d.to.Special.MakeNode(node("file"), false)
	b.kind(err, storage.Conflict)
	_, err = d.to.Special.MakeNode(node("folder"), true)
	b.kind(err, storage.OtherKind)
	for _, same := range []bool{false, true} {
		if out, err := d.to.Special.MakeNode(node("file"), true); err != nil || out.Same != same {
			t.Errorf("%+v, %v; want same %v", out, err, same)
		}
	}
	b.stands("file", Item{Kind: tree.FIFO, Mode: 0o620, MTime: someTime})
	d.finish()
}

func touchTest(t *testing.T, b *bench) {
	b.Put(t, "f", Item{Kind: tree.File, Mode: 0o600, MTime: otherTime, Data: []byte("abc")})
	d := b.begin()
	e := fileOf("f", 3)
	if out, err := d.Touch(e); err != nil || !out.Same || !out.Adjusted || len(b.lost(out.Lost)) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
	d.stands("f", itemOf(e, []byte("abc")))
	if out, err := d.Touch(e); err != nil || !out.Same || b.Modes && out.Adjusted != b.Rehearses {
		t.Errorf("once more: %+v, %v", out, err)
	}
	if b.Links && !b.Rehearses {
		b.Put(t, "l", Item{Kind: tree.Symlink, Target: "f"})
		_, err := d.Touch(fileOf("l", 3))
		b.kind(err, storage.OtherKind)
	}
	d.finish()
}

// touchedNamesTest: two entries that stand there as one item get each its own metadata.
func touchedNamesTest(t *testing.T, b *bench) {
	b.delivers()
	d := b.beginWith(Options{}, tree.Metadata{HardLinks: true})
	if !b.HardLinks || !b.Modes || !d.to.Keeps.HardLinks {
		t.Skip("there are no hard links here, or no modes")
	}
	first := fileOf("a", 3)
	first.ID, first.Linked = 1, true
	d.publish(d.sealed(first, []byte("abc")))
	_, err := d.to.Special.MakeHardLink(&tree.Entry{ID: 2, Kind: tree.HardLink, Name: "b", LinkTo: 1}, false)
	b.must(err)
	d.finish()
	d = b.begin()
	x, y := fileOf("a", 3), fileOf("b", 3)
	x.Mode, y.Mode = 0o600, 0o644
	for _, e := range []*tree.Entry{x, y} {
		_, err := d.Touch(e)
		b.must(err)
	}
	d.finish()
	b.stands("a", itemOf(x, []byte("abc")))
	b.stands("b", itemOf(y, []byte("abc")))
}
