package object

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/local"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
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

// A digest beside an object that is not that of its content is put right by who has read it,
// and not if another object stands there by then.
func TestDigestThatLies(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	data := []byte("what it is")
	e := entry("f", int64(len(data)))
	put := func(data []byte) {
		t.Helper()
		m := meta{MTime: e.MTime, HasMTime: true, Mode: 0o644, HasMode: true, Digest: checksum.Sum([]byte("a lie")), HasDigest: true}
		if _, err := b.Put(t.Context(), "f", data, m.encode(), bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, changes := range []bool{false, true} {
		put(data)
		d, _ := begin(t, b, small)
		l := landing(t, d)
		f, err := l.Finder.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		if changes {
			put([]byte("an other 1"))
		}
		out, err := l.Maker.(storage.Digester).TouchRead(e, checksum.Sum(data))
		if changes != (storage.KindOf(err) == storage.Conflict) || !changes && (err != nil || out.Adjusted) {
			t.Errorf("%v: %+v, %v", changes, out, err)
		}
		f.Close()
		at, err := b.Head(t.Context(), "f")
		if m := decodeMeta(at.Meta); err != nil || !changes && m.Digest != checksum.Sum(data) || m.MTime != e.MTime || at.Size != e.Size {
			t.Errorf("%v: it is %+v, %v", changes, at, err)
		}
	}

	// So does --checksum.
	put(data)
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "f"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	d, _ := begin(t, b, small)
	_, err := local.Copy(t.Context(), local.Options{
		Send:    send.Options{Sources: []send.Source{{Source: tree.Source{Path: src, Contents: true}}}, Checksum: true},
		Receive: receive.Options{Destination: d},
	})
	at, herr := b.Head(t.Context(), "f")
	if err = errors.Join(err, herr); err != nil || decodeMeta(at.Meta).Digest != checksum.Sum(data) {
		t.Errorf("with --checksum it is %+v, %v", at, err)
	}
}

// Parts that are under way when a delivery is stopped are there for the next one, if the store
// takes them soon.
func TestStoppedAmidParts(t *testing.T) {
	for _, soon := range []bool{true, false} {
		place, o := objecttest.Fake(t)
		proxy := objecttest.Faulty(t, o)
		delay := 100 * time.Millisecond
		if !soon {
			delay = time.Minute
		}
		proxy.Set(objecttest.Rule{Op: "part", Times: 1000, Fault: objecttest.Hold, Delay: delay})
		d, _ := begin(t, openBucket(t, place, proxy.Options()), small)
		data := bytesOf(8<<20, 1)
		p, err := landing(t, d).Files.Begin(entry("f", int64(len(data))), false)
		if err != nil {
			t.Fatal(err)
		}
		const n = 4
		for i := range uint64(n) {
			if err := write(p, data, i); err != nil {
				t.Fatal(err)
			}
		}
		for proxy.Count("part") < n {
			runtime.Gosched() // until all are under way
		}
		d.s.cancel(context.Canceled)
		began := time.Now()
		if err := p.Discard(true); soon && err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 2*partGrace {
			t.Errorf("it took %v to stop", took)
		}
		if !soon {
			continue
		}
		next, _ := begin(t, openBucket(t, place, o), small)
		if p, err = landing(t, next).Files.Begin(entry("f", int64(len(data))), false); err != nil {
			t.Fatal(err)
		}
		found := 0
		for range p.Present(t.Context()) {
			found++
		}
		if found != n {
			t.Errorf("%d parts of %d are there", found, n)
		}
	}
}
