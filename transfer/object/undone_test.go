package object

import (
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/storage"
)

// An object whose delivery died between the end of its upload and its digest gets that from the
// next one.
func TestDigestOfTheDead(t *testing.T) {
	place, o := objecttest.Versity(t) // which tells the ETag of parts that the other has not
	options := Options{part: 5 << 20}
	proxy := objecttest.Faulty(t, o)
	data := bytesOf(11<<20+5, 1)
	first, die := begin(t, openBucket(t, place, proxy.Options()), options)
	l := landing(t, first)
	p, n := half(t, first, l, data)
	for i := n; i < checksum.Chunks(int64(len(data))); i++ {
		if err := write(p, data, i); err != nil {
			t.Fatal(err)
		}
	}
	e := entry("f", int64(len(data)))
	if err := p.Seal(e, int64(len(data)), checksum.Sum(data)); err != nil {
		t.Fatal(err)
	}
	proxy.Set(objecttest.Rule{Op: "put", Skip: 1, Times: 1000, Fault: objecttest.Status, N: 403}, objecttest.Rule{Op: "delete", Times: 1000, Fault: objecttest.Status, N: 403})
	pub := &storage.Publication{Partial: p, Entry: e}
	_ = l.Files.Publish([]*storage.Publication{pub})
	die()
	proxy.Set()
	b := openBucket(t, place, o)
	if at, err := b.Head(t.Context(), "f"); err != nil || decodeMeta(at.Meta).HasDigest {
		t.Fatalf("this does not test what it is to: %+v, %v; %v", at, err, pub.Err)
	}
	next, _ := begin(t, b, options)
	later(next, silence+time.Second)
	landing(t, next)
	if r, err := next.Finish(); err != nil || len(r.Leftovers) > 0 {
		t.Errorf("%v, %v", r.Leftovers, err)
	}
	at, err := b.Head(t.Context(), "f")
	if m := decodeMeta(at.Meta); err != nil || m.Digest != checksum.Sum(data) || m.MTime != e.MTime || at.Size != e.Size {
		t.Errorf("it is %+v, %v", at, err)
	}
}

// An upload whose beginning nobody heard of is given up by who comes next.
func TestUnheardBegin(t *testing.T) {
	for name, next := range map[string]func(*testing.T, *destination){
		"the same file": func(t *testing.T, d *destination) { half(t, d, landing(t, d), bytesOf(4<<20, 1)) },
		"another delivery": func(t *testing.T, d *destination) {
			landing(t, d)
			if _, err := d.Finish(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			place, o := objecttest.Fake(t)
			b := openBucket(t, place, o)
			first, die := begin(t, b, small)
			if _, err := landing(t, first).Files.Begin(entry("f", 4<<20), false); err != nil {
				t.Fatal(err)
			}
			lost, err := b.Begin(t.Context(), "f", nil)
			if err != nil {
				t.Fatal(err)
			}
			other, err := b.Begin(t.Context(), "f2", nil)
			if err != nil {
				t.Fatal(err)
			}
			die()
			second, _ := begin(t, b, small)
			later(second, silence+time.Second)
			next(t, second)
			left := make(map[string]bool)
			for _, u := range objecttest.Uploads(t, b) {
				left[u.ID] = true
			}
			if left[lost] || !left[other] {
				t.Errorf("the lost one stays: %v; that of another stays: %v", left[lost], left[other])
			}
		})
	}
}
