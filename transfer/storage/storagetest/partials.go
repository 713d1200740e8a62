package storagetest

import (
	"errors"
	"io"
	"iter"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

func isUnexpectedEOF(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

// claims are what a partial claims to have.
func claims(t *testing.T, p storage.Partial) map[uint64]checksum.CV {
	found := make(map[uint64]checksum.CV)
	last := -1
	for i, cv := range p.Present(t.Context()) {
		if int(i) <= last {
			t.Errorf("chunk %d comes after %d", i, last)
		}
		found[i], last = cv, int(i)
	}
	return found
}

// leave begins e, writes the first chunks of data, and ends the delivery by end.
func (b *bench) leave(e *tree.Entry, data []byte, chunks uint64, end func(d *delivery, p storage.Partial)) {
	b.t.Helper()
	d := b.begin()
	p := d.start(e)
	b.fill(p, data, func(i uint64) bool { return i < chunks })
	end(d, p)
	b.must(d.d.Close())
}

func keepIt(d *delivery, p storage.Partial) { d.b.must(p.Discard(true)) }

var partialTests = map[string]func(*testing.T, *bench){
	"a partial is gone on with": func(t *testing.T, b *bench) {
		b.delivers()
		data := content(4*b.Run*chunk+9, 1)
		e := fileOf("f", len(data))
		kept := uint64(2 * b.Run)
		for name, end := range map[string]func(*delivery, storage.Partial){
			"discarded": keepIt,
			"closed":    func(*delivery, storage.Partial) {},
			"conflict": func(d *delivery, p storage.Partial) { // sealed, and not published
				b.fill(p, data, func(i uint64) bool { return i >= kept })
				b.must(p.Seal(e, e.Size, checksum.Sum(data)))
				b.must(p.Discard(true))
			},
		} {
			b.leave(e, data, kept, end)
			if len(b.List(t)) > 0 {
				t.Fatalf("%s: something has a name", name)
			}
			d := b.begin()
			p := d.start(e)
			found := claims(t, p)
			for i := range kept {
				if found[i] != cvOf(chunkOf(data, i), i) {
					t.Errorf("%s: chunk %d is claimed as %x", name, i, found[i])
				}
				if v, ok := p.(storage.Voucher); ok && v.Vouches(i) {
					continue
				}
				buf := make([]byte, chunk)
				if n, err := p.ReadChunk(i, buf); err != nil || string(buf[:n]) != string(chunkOf(data, i)) {
					t.Errorf("%s: chunk %d reads as %d bytes, %v", name, i, n, err)
				}
			}
			b.fill(p, data, func(i uint64) bool { return i >= kept })
			b.must(p.Seal(e, e.Size, checksum.Sum(data)))
			d.publish(&storage.Publication{Partial: p, Entry: e})
			if r := d.finish(); len(r.Leftovers) > 0 {
				t.Errorf("%s: left over are %v", name, r.Leftovers)
			}
			b.stands("f", itemOf(e, data))
			b.must(d.d.Close())
			b.Remove(t, "f")
		}
	},
	"claims are read on after the end": func(t *testing.T, b *bench) {
		b.delivers()
		data := content(4*b.Run*chunk, 3)
		e := fileOf("f", len(data))
		b.leave(e, data, uint64(3*b.Run), keepIt)
		d := b.begin()
		p := d.start(e)
		next, stop := iter.Pull2(p.Present(t.Context()))
		defer stop()
		if i, cv, ok := next(); !ok || i != 0 || cv != cvOf(chunkOf(data, 0), 0) {
			t.Errorf("the first claim is chunk %d, %v", i, ok)
		}
		b.must(p.Discard(true))
		for i, _, ok := next(); ok; i, _, ok = next() {
			if i >= checksum.Chunks(e.Size) {
				t.Fatalf("chunk %d of %d is claimed", i, checksum.Chunks(e.Size))
			}
		}
		b.must(d.d.Close())
	},
	"another version is a basis": func(t *testing.T, b *bench) {
		b.delivers()
		if b.Forgets {
			t.Skip("what another version left is of no use here")
		}
		old := content(4*chunk, 2)
		b.leave(fileOf("f", len(old)), old, 3, keepIt)
		data := append(append([]byte{}, old[:2*chunk]...), content(chunk/2, 3)...)
		e := fileOf("f", len(data))
		e.MTime = otherTime
		d := b.begin()
		p := d.start(e)
		found := claims(t, p)
		for i := range uint64(2) {
			if found[i] != cvOf(chunkOf(old, i), i) {
				t.Errorf("chunk %d is claimed as %x", i, found[i])
			}
		}
		if len(found) > 3 {
			t.Errorf("%d chunks are claimed of a file of three", len(found))
		}
		b.fill(p, data, func(i uint64) bool { return i >= 2 })
		b.must(p.Seal(e, e.Size, checksum.Sum(data)))
		d.publish(&storage.Publication{Partial: p, Entry: e})
		if r := d.finish(); len(r.Leftovers) > 0 {
			t.Errorf("left over are %v", r.Leftovers)
		}
		b.stands("f", itemOf(e, data))
	},
	"nothing is left of what is discarded": func(t *testing.T, b *bench) {
		b.delivers()
		large := 2*b.Run*chunk + 1
		for _, size := range []int{5, chunk, large} {
			data := content(size, 4)
			b.leave(fileOf("f", size), data, uint64(2*b.Run), func(d *delivery, p storage.Partial) { b.must(p.Discard(false)) })
		}
		b.leave(fileOf("f", 5), content(5, 4), 1, keepIt) // of one chunk or less nothing is kept
		d := b.begin()
		if found := claims(t, d.start(fileOf("f", large))); len(found) > 0 {
			t.Errorf("%d chunks are claimed", len(found))
		}
		if len(b.List(t)) > 0 {
			t.Error("something has a name")
		}
	},
	"what is left is reported": func(t *testing.T, b *bench) {
		b.delivers()
		data := content(2*b.Run*chunk, 5)
		b.leave(fileOf("f", len(data)), data, uint64(b.Run), keepIt)
		d := b.begin()
		r := d.finish()
		if len(r.Leftovers) == 0 || r.LeftoversErr != nil {
			t.Errorf("%+v", r)
		}
		for _, l := range r.Leftovers {
			if l.Path == "" || l.Aside {
				t.Errorf("left over is %+v", l)
			}
		}
	},
	"two deliveries do not write one file": func(t *testing.T, b *bench) {
		b.delivers()
		e := fileOf("f", 2*b.Run*chunk)
		one, two := b.begin(), b.begin()
		p := one.start(e)
		for _, d := range []*delivery{one, two} {
			_, err := d.to.Files.Begin(e, false)
			b.kind(err, storage.Locked)
		}
		b.must(p.Discard(false))
		b.must(two.start(e).Discard(false))
	},
}
