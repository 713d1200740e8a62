package storagetest

import (
	"maps"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

var endTests = map[string]func(*testing.T, *bench){
	"what is finished is durable": func(t *testing.T, b *bench) {
		b.delivers()
		b.Put(t, "kept", Item{Kind: tree.File, Mode: 0o640, MTime: someTime, Data: []byte("abc")})
		d := b.begin()
		d.deliverSome()
		r := d.finish()
		if !r.Durable || r.Unsynced != nil || len(r.Remarks)+len(r.Leftovers)+len(r.Lost) > 0 {
			t.Errorf("%+v", r)
		}
		same := func(x, y Item) bool { return b.differ(x, y) == "" }
		if lasting, now := b.Lasting(t), b.List(t); lasting != nil && !maps.EqualFunc(lasting, now, same) {
			t.Errorf("of %d items %d would last, or others", len(now), len(lasting))
		}
	},
	"what is not synced is not durable": func(t *testing.T, b *bench) {
		b.delivers()
		b.Put(t, "kept", Item{Kind: tree.File, Mode: 0o640, MTime: someTime, Data: []byte("abc")})
		d := b.beginWith(Options{NoSync: true}, tree.Metadata{})
		d.deliverSome()
		if r := d.finish(); r.Durable || r.Unsynced != nil {
			t.Errorf("%+v", r)
		}
	},
	"a rehearsal makes nothing": func(t *testing.T, b *bench) {
		if !b.Rehearses {
			t.Skip("what is opened here is no rehearsal")
		}
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o644, MTime: someTime, Data: content(chunk, 1)})
		d := b.begin()
		e := fileOf("f", chunk)
		if n := d.to.Estimate.Allocated(e); n != 0 {
			t.Errorf("%d bytes are allocated, and nothing was begun", n)
		}
		_ = d.to.Estimate.Shares(e) // either will do
		if r := d.finish(); r.Durable || r.Unsynced != nil || len(r.Lost)+len(r.Remarks)+len(r.Leftovers) > 0 {
			t.Errorf("%+v", r)
		}
	},
	"a second Close does nothing": func(_ *testing.T, b *bench) {
		d := b.begin()
		b.must(d.d.Close())
		b.must(d.d.Close())
		d.untouched()
	},
}

// deliverSome delivers one of each.
func (d *delivery) deliverSome() {
	b := d.b
	b.t.Helper()
	outer, inner := folderOf(1, 0, "outer"), folderOf(2, 1, "inner")
	for _, e := range []*tree.Entry{outer, inner} {
		_, err := d.MakeFolder(e)
		b.must(err)
	}
	var batch []*storage.Publication
	for name, size := range map[string]int{"small": 100, "large": chunk + 1, "empty": 0} {
		e := fileOf(name, size)
		e.Parent = 2
		batch = append(batch, d.sealed(e, content(size, 1)))
	}
	d.publish(batch...)
	if b.Links {
		e := linkOf("link", "small")
		e.Parent = 2
		_, err := d.MakeLink(e, false)
		b.must(err)
	}
	_, err := d.Keep(fileOf("kept", 3))
	b.must(err)
	for _, e := range []*tree.Entry{inner, outer} {
		_, err := d.FinishFolder(e)
		b.must(err)
	}
}
