package object

import (
	"context"
	"errors"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// later has a delivery take the store's clock to be ahead.
func later(d *destination, by time.Duration) {
	d.files.leases.clock = func(ctx context.Context) (time.Time, error) {
		now, err := d.s.clock(ctx)
		return now.Add(by), err
	}
}

// elsewhere has a delivery be one of another machine.
func elsewhere(d *destination) {
	d.files.leases.self.Host, d.files.leases.self.ID = "elsewhere", "another"
}

// alone has a delivery take over what killed ones left: where the system tells of no processes
// it comes after the wait for them.
func alone(d *destination) {
	if d.files.leases.self.Host == "" {
		later(d, silence+time.Second)
	}
}

// half uploads the first parts of f, as deliveries of this test do, and returns their number.
func half(t *testing.T, d *destination, l *storage.Landing, data []byte) (storage.Partial, uint64) {
	t.Helper()
	p, err := l.Files.Begin(entry("f", int64(len(data))), false)
	if err != nil {
		t.Fatal(err)
	}
	n := checksum.Chunks(int64(len(data))) / 2
	for i := range n {
		if err := write(p, data, i); err != nil {
			t.Fatal(err)
		}
	}
	p.(*partial).moving.Wait()
	return p, n
}

var small = Options{part: 1 << 20, note: 1}

// A holder that lives keeps others out. One that is silent for two minutes does not, by the
// store's clock, nor one whose process has ended. The one that was taken for dead finds out, and
// spoils nothing.
func TestLease(t *testing.T) {
	for name, other := range map[string]func(*destination){
		"silent":        func(d *destination) { elsewhere(d); later(d, silence+time.Second) },
		"process ended": func(*destination) {}, // begin sees to that
	} {
		t.Run(name, func(t *testing.T) {
			if host, _, _ := thisProcess(); host == "" && name == "process ended" {
				t.Skip("this system tells of no processes: each holder is waited for")
			}
			place, o := objecttest.Fake(t)
			b := openBucket(t, place, o)
			data := bytesOf(8<<20+5, 1)
			first, _ := begin(t, b, small)
			l := landing(t, first)
			p, n := half(t, first, l, data)

			early, _ := begin(t, b, small)
			elsewhere(early)
			later(early, silence-time.Minute) // what a busy machine may take until here counts too
			if _, err := landing(t, early).Files.Begin(entry("f", int64(len(data))), false); storage.KindOf(err) != storage.Locked {
				t.Fatalf("a second delivery: %v", err)
			}

			second, _ := begin(t, b, small)
			other(second)
			l2 := landing(t, second)
			p2, err := l2.Files.Begin(entry("f", int64(len(data))), false)
			if err != nil {
				t.Fatal(err)
			}
			found := uint64(0)
			for i, cv := range p2.Present(t.Context()) {
				if cv != checksum.NewNode(chunk(data, i), i).CV() || !p2.(storage.Voucher).Vouches(i) {
					t.Errorf("chunk %d is claimed as %x", i, cv)
				}
				found++
			}
			if found != n {
				t.Errorf("%d chunks of %d are there", found, n)
			}
			// The first one does not know yet, and goes on.
			var lost error
			for i := n; i < checksum.Chunks(int64(len(data))) && lost == nil; i++ {
				lost = write(p, data, i)
			}
			if lost == nil {
				lost = p.Seal(entry("f", int64(len(data))), int64(len(data)), checksum.Sum(data))
			}
			pub := &storage.Publication{Partial: p, Entry: entry("f", int64(len(data)))}
			if lost == nil {
				_ = l.Files.Publish([]*storage.Publication{pub})
				lost = pub.Err
			}
			if storage.KindOf(lost) != storage.Locked {
				t.Errorf("the first delivery ends with %v", lost)
			}
			if err := p.Discard(true); err != nil {
				t.Error(err)
			}
			for i := n; i < checksum.Chunks(int64(len(data))); i++ {
				if err := write(p2, data, i); err != nil {
					t.Fatal(err)
				}
			}
			publish(t, l2, p2, entry("f", int64(len(data))), data)
			if checksum.Sum(content(t, b, "f")) != checksum.Sum(data) {
				t.Error("another content")
			}
		})
	}
}

// A lease is renewed, and what was released can be had at once.
func TestRenewal(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	d, _ := begin(t, b, small)
	d.files.leases.every = 20 * time.Millisecond
	data := bytesOf(4<<20, 1)
	p, _ := half(t, d, landing(t, d), data)
	key := stateKey("", "f")
	var serials []int64
	for len(serials) < 4 {
		st, _, err := d.files.leases.read(t.Context(), key)
		switch {
		case kindOf(err) == bucket.Precondition:
		case err != nil:
			t.Fatal(err)
		case len(serials) == 0 || st.Serial != serials[len(serials)-1]:
			serials = append(serials, st.Serial)
		}
	}
	if err := p.Discard(true); err != nil {
		t.Error(err)
	}
	other, _ := begin(t, b, small)
	elsewhere(other)
	p, err := landing(t, other).Files.Begin(entry("f", int64(len(data))), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Discard(false); err != nil {
		t.Error(err)
	}
}

// A part that another uploader put in the place of one that was noted does not count, and fails
// the completion if it comes late.
func TestForeignPart(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	data := bytesOf(8<<20, 1)
	d, _ := begin(t, b, small)
	p, n := half(t, d, landing(t, d), data)
	up := p.(*partial).up
	if _, err := b.PutPart(t.Context(), "f", up.begun(), 2, bytesOf(1<<20, 9)); err != nil {
		t.Fatal(err)
	}
	if err := p.Discard(true); err != nil {
		t.Fatal(err)
	}
	d, _ = begin(t, b, small)
	l := landing(t, d)
	p, err := l.Files.Begin(entry("f", int64(len(data))), false)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[uint64]bool)
	for i := range p.Present(t.Context()) {
		found[i] = true
	}
	if found[1] || !found[0] || len(found) != int(n)-1 {
		t.Errorf("%v are there", found)
	}
	for i := range checksum.Chunks(int64(len(data))) {
		if !found[i] {
			if err := write(p, data, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.(*partial).moving.Wait()
	if _, err := b.PutPart(t.Context(), "f", p.(*partial).up.begun(), 3, bytesOf(1<<20, 9)); err != nil {
		t.Fatal(err)
	}
	if err := p.Seal(entry("f", 0), int64(len(data)), checksum.Sum(data)); err != nil {
		t.Fatal(err)
	}
	pub := &storage.Publication{Partial: p, Entry: entry("f", int64(len(data)))}
	_ = l.Files.Publish([]*storage.Publication{pub})
	if pub.Err == nil {
		t.Error("a foreign part is published")
	}
	if _, err := b.Head(t.Context(), "f"); err == nil {
		t.Error("something has the name")
	}
	if err := p.Discard(true); err != nil {
		t.Error(err)
	}
}

// The state of an upload that was completed by a delivery which died right behind that is
// cleared away by the next one, if nobody can be at it any more.
func TestStateOfTheDead(t *testing.T) {
	for name, other := range map[string]func(*destination){
		"silent": func(d *destination) { elsewhere(d); later(d, silence+time.Second) },
		"process ended": func(d *destination) {
			if d.files.leases.self.Host == "" {
				t.Log("no process is known to have ended here")
				later(d, silence+time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			place, o := objecttest.Fake(t)
			b := openBucket(t, place, o)
			first, die := begin(t, b, small)
			half(t, first, landing(t, first), bytesOf(4<<20, 1))
			die()
			for _, u := range objecttest.Uploads(t, b) {
				if err := b.Abort(t.Context(), u.Key, u.ID); err != nil {
					t.Fatal(err)
				}
			}
			next, _ := begin(t, b, small)
			other(next)
			landing(t, next)
			if r, err := next.Finish(); err != nil || len(r.Leftovers) > 0 {
				t.Errorf("%v, %v", r.Leftovers, err)
			}
			for x := range b.List(t.Context(), "", true) {
				t.Errorf("left is %q", x.Key)
			}
		})
	}
}

// An upload may be completed behind the back of the next delivery, by a request of a dead one
// that the store still had. That is no other item.
func TestCompletedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		meta meta
		want storage.Kind
	}{
		"its own":          {meta{MTime: entry("f", 0).MTime, Mode: 0o644, HasMTime: true, HasMode: true}, 0},
		"of another time":  {meta{MTime: tree.Time{Sec: 1}, Mode: 0o644, HasMTime: true, HasMode: true}, storage.Conflict},
		"of no delivery's": {meta{}, storage.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			place, o := objecttest.Fake(t)
			b := openBucket(t, place, o)
			data := bytesOf(4<<20, 1)
			d, _ := begin(t, b, small)
			l := landing(t, d)
			p, n := half(t, d, l, data)
			for i := n; i < checksum.Chunks(int64(len(data))); i++ {
				if err := write(p, data, i); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Seal(entry("f", int64(len(data))), int64(len(data)), checksum.Sum(data)); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Put(t.Context(), "f", data, c.meta.encode(), bucket.Condition{}); err != nil {
				t.Fatal(err)
			}
			pub := &storage.Publication{Partial: p, Entry: entry("f", int64(len(data)))}
			_ = l.Files.Publish([]*storage.Publication{pub})
			if got := storage.KindOf(pub.Err); got != c.want {
				t.Errorf("%v: %v", got, pub.Err)
			}
		})
	}
}

// What is old is cleared away, what nobody understands is left alone, and what others are at is
// not told.
func TestLeftovers(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	data := bytesOf(4<<20, 1)
	busy, _ := begin(t, b, small)
	elsewhere(busy)
	half(t, busy, landing(t, busy), data)
	other, _ := begin(t, b, Options{part: 1 << 20, note: 1, Owner: "somebody"})
	p, _ := half(t, other, landing(t, other), data)
	if err := p.Discard(true); err != nil {
		t.Fatal(err)
	}
	strange := stateKey("", "strange")
	for _, key := range []string{strange, statePrefix + "probe-X"} {
		if _, err := b.Put(t.Context(), key, []byte("no state"), nil, bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {time.Hour, 3}, {31 * 24 * time.Hour, 0}} {
		d, _ := begin(t, b, small)
		later(d, c.after)
		landing(t, d)
		r, err := d.Finish()
		if err = errors.Join(err, r.LeftoversErr); err != nil || len(r.Leftovers) != c.want {
			t.Errorf("after %v: %v, %v", c.after, r.Leftovers, err)
		}
	}
	for x := range b.List(t.Context(), "", true) {
		t.Errorf("left is %q", x.Key)
	}
	for _, u := range objecttest.Uploads(t, b) {
		t.Errorf("left is the upload %+v", u)
	}
}

// What is unfinished takes what the store has of it, at whatever depth it lies.
func TestUnfinishedIsCounted(t *testing.T) {
	place, o := objecttest.Fake(t)
	b, above := openBucket(t, place+"/deep", o), openBucket(t, place, o)
	d, _ := begin(t, b, small)
	p, _ := half(t, d, landing(t, d), bytesOf(4<<20, 1))
	if err := p.Discard(true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), statePrefix+"aside", []byte("12345"), nil, bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	var n int64
	for l, err := range above.List(t.Context(), "", true) {
		if err != nil {
			t.Fatal(err)
		}
		size, err := Unfinished(t.Context(), above, l.Object)
		if err != nil {
			t.Fatal(err)
		}
		n += size
	}
	if n < 2<<20+5 || n > 3<<20 {
		t.Errorf("%d bytes", n)
	}
}
