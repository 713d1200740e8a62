package object

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/storage"
)

// A delivery that comes too late for a lease gives up no upload of the one that has it by then.
func TestTooLateForALease(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	data := bytesOf(8<<20+5, 1)
	dead, _ := begin(t, b, small)
	half(t, dead, landing(t, dead), data)

	second, _ := begin(t, b, small)
	elsewhere(second)
	later(second, silence+time.Second)
	l := landing(t, second)
	var p storage.Partial
	late, _ := begin(t, b, small)
	late.files.leases.self.Host, late.files.leases.self.ID = "a third place", "a third"
	late.files.leases.clock = func(ctx context.Context) (now time.Time, err error) {
		if now, err = late.s.clock(ctx); err != nil || p != nil {
			return now, err
		}
		p, err = l.Files.Begin(entry("f", int64(len(data))), false)
		return now.Add(silence + time.Second), err
	}
	if _, err := landing(t, late).Files.Begin(entry("f", 7<<20), false); storage.KindOf(err) != storage.Locked {
		t.Fatalf("another version, too late: %v", err)
	}
	for i := range checksum.Chunks(int64(len(data))) {
		if err := write(p, data, i); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, l, p, entry("f", int64(len(data))), data)
}

// A delivery that has lost its lease and does not know yet gives up nothing of the other's.
func TestGivesUpItsOwnOnly(t *testing.T) {
	for name, giveUp := range map[string]func(p storage.Partial) error{
		"a partial": func(p storage.Partial) error { return p.Discard(false) },
		"one that is left, of which nothing was noted": func(p storage.Partial) error {
			p.(*partial).up.done = nil
			return p.Discard(true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			place, o := objecttest.Fake(t)
			b := openBucket(t, place, o)
			data := bytesOf(8<<20+5, 1)
			first, _ := begin(t, b, small)
			p, _ := half(t, first, landing(t, first), data)
			second, _ := begin(t, b, small)
			elsewhere(second)
			later(second, silence+time.Second)
			l := landing(t, second)
			p2, err := l.Files.Begin(entry("f", int64(len(data))), false)
			if err != nil {
				t.Fatal(err)
			}
			if err := giveUp(p); err != nil {
				t.Error(err)
			}
			for i := range checksum.Chunks(int64(len(data))) {
				if err := write(p2, data, i); err != nil {
					t.Fatal(err)
				}
			}
			publish(t, l, p2, entry("f", int64(len(data))), data)
		})
	}
}

// halfThrough is a delivery of f with an upload under way, whose number is id, through a proxy
// that can have faults.
func halfThrough(t *testing.T) (proxy *objecttest.Proxy, b *bucket.Bucket, d *destination, p storage.Partial, id string) {
	t.Helper()
	place, o := objecttest.Fake(t)
	proxy = objecttest.Faulty(t, o)
	b = openBucket(t, place, proxy.Options())
	d, _ = begin(t, b, small)
	p, _ = half(t, d, landing(t, d), bytesOf(8<<20+5, 1))
	return proxy, b, d, p, p.(*partial).up.begun()
}

// What is given up is gone, also if the store takes no state any more or the answer to one was lost.
func TestGivesUpWithoutAWrite(t *testing.T) {
	for name, rule := range map[string]objecttest.Rule{
		"a full store":      {Op: "put", Fault: objecttest.Status, N: 507},
		"an answer is lost": {Op: "put", Fault: objecttest.StatusAfter, N: 507},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, b, _, p, id := halfThrough(t)
			proxy.Set(rule)
			if err := p.Discard(false); err != nil {
				t.Error(err)
			}
			if _, err := b.Parts(t.Context(), "f", id); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the upload: %v", err)
			}
			if _, err := b.Head(t.Context(), stateKey("", "f")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its state: %v", err)
			}
		})
	}
}

// The state of an upload that cannot be given up goes on telling of it.
func TestUploadThatStays(t *testing.T) {
	proxy, b, first, p, id := halfThrough(t)
	proxy.Set(objecttest.Rule{Op: "abort", Fault: objecttest.Status, N: 403})
	tells := func(after string) {
		t.Helper()
		if st, _, err := first.files.leases.read(t.Context(), stateKey("", "f")); err != nil || st.Upload != id {
			t.Errorf("after %s the state is %+v, %v", after, st, err)
		}
	}
	if err := p.Discard(false); storage.KindOf(err) != storage.Permission {
		t.Errorf("it is given up: %v", err)
	}
	tells("giving it up")
	if st, _, err := first.files.leases.read(t.Context(), stateKey("", "f")); err != nil || st.Holder.ID != "" {
		t.Errorf("it is still held: %+v, %v", st, err)
	}
	if left, err := first.files.leftovers(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
	second, _ := begin(t, b, small)
	elsewhere(second)
	later(second, silence+time.Second)
	if _, err := landing(t, second).Files.Begin(entry("f", 7<<20), false); storage.KindOf(err) != storage.Permission {
		t.Errorf("another version: %v", err)
	}
	tells("a claim of another version")
	later(second, maxLitterAge+time.Second)
	if _, err := second.files.leftovers(t.Context()); err != nil {
		t.Error(err)
	}
	tells("a look at what is left")
	proxy.Set()
	p, err := landing(t, second).Files.Begin(entry("f", 7<<20), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Parts(t.Context(), "f", id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the upload of the other version: %v", err)
	}
	if err := p.Discard(false); err != nil {
		t.Error(err)
	}
}
