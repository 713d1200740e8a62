package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// start begins a file.
func (d *delivery) start(e *tree.Entry) storage.Partial {
	d.b.t.Helper()
	p, err := d.to.Files.Begin(e, false)
	d.b.must(err)
	return p
}

// fill writes those chunks of data that want selects; a file of one chunk or less is
// written whole.
func (b *bench) fill(p storage.Partial, data []byte, want func(index uint64) bool) {
	b.t.Helper()
	if len(data) == 0 {
		b.must(p.WriteChunk(0, nil, checksum.CV{}))
	}
	for i := range checksum.Chunks(int64(len(data))) {
		if want(i) {
			b.must(p.WriteChunk(i, chunkOf(data, i), cvOf(chunkOf(data, i), i)))
		}
	}
}

func all(uint64) bool { return true }

// sealed begins e, writes data and seals it.
func (d *delivery) sealed(e *tree.Entry, data []byte) *storage.Publication {
	d.b.t.Helper()
	return d.seal(d.start(e), e, data)
}

// seal writes data to p, which is e's, and seals it.
func (d *delivery) seal(p storage.Partial, e *tree.Entry, data []byte) *storage.Publication {
	d.b.t.Helper()
	d.b.fill(p, data, all)
	d.b.must(p.Seal(e, int64(len(data)), checksum.Sum(data)))
	return &storage.Publication{Partial: p, Entry: e}
}

// publish publishes all of a batch.
func (d *delivery) publish(batch ...*storage.Publication) {
	d.b.t.Helper()
	d.b.must(d.to.Files.Publish(batch))
	for _, pub := range batch {
		if pub.Err != nil || pub.Name != "" || len(d.b.lost(pub.Lost)) > 0 {
			d.b.t.Fatalf("publishing %q: as %q, lost %v: %v", pub.Entry.Name, pub.Name, pub.Lost, pub.Err)
		}
	}
}

var fileTests = map[string]func(*testing.T, *bench){
	"files of all sizes": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		var batch []*storage.Publication
		for _, n := range sizes {
			batch = append(batch, d.sealed(fileOf(fmt.Sprint(n), n), content(n, 1)))
		}
		if len(b.List(t)) > 0 {
			t.Error("something has a name before it is published")
		}
		d.publish(batch...)
		d.finish()
		for _, pub := range batch {
			b.stands(pub.Entry.Name, itemOf(pub.Entry, content(int(pub.Entry.Size), 1)))
		}
	},
	"streams of all sizes": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		for _, n := range sizes {
			e := fileOf(fmt.Sprint(n), -1)
			e.Kind = tree.Stream
			data := content(n, 2)
			p := d.start(e)
			if n > 0 {
				b.fill(p, data, all)
			}
			b.must(p.Seal(e, int64(n), checksum.Sum(data)))
			d.publish(&storage.Publication{Partial: p, Entry: e})
			b.stands(e.Name, itemOf(e, data))
		}
		d.finish()
	},
	"chunks come in any order and at once": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		data := content(5*chunk+11, 3)
		e := fileOf("f", len(data))
		p := d.start(e)
		var writers sync.WaitGroup
		for i := range checksum.Chunks(e.Size) {
			writers.Go(func() {
				c := chunkOf(data, 5-i)
				if err := p.WriteChunk(5-i, c, cvOf(c, 5-i)); err != nil {
					t.Error(err)
				}
				buf := make([]byte, chunk)
				if n, err := p.ReadChunk(5-i, buf); err != nil || string(buf[:n]) != string(c) {
					t.Errorf("chunk %d reads back as %d bytes, %v", 5-i, n, err)
				}
			})
		}
		writers.Wait()
		b.must(p.Seal(e, e.Size, checksum.Sum(data)))
		d.publish(&storage.Publication{Partial: p, Entry: e})
		b.stands("f", itemOf(e, data))
	},
	"holes read as zeros": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		for name, sparse := range map[string]bool{"sparse": true, "plain": false} {
			data := content(4*chunk+5, 4)
			clear(data[chunk : 2*chunk])
			clear(data[2*chunk+5000 : 3*chunk])
			clear(data[4*chunk:])
			e := fileOf(name, len(data))
			p, err := d.to.Files.Begin(e, sparse)
			b.must(err)
			b.fill(p, content(len(data), 5), all) // another content first
			for i := range checksum.Chunks(e.Size) {
				c := chunkOf(data, i)
				if i == 1 || i == 4 {
					b.must(p.WriteHole(i, len(c), cvOf(c, i)))
				} else {
					b.must(p.WriteChunk(i, c, cvOf(c, i)))
				}
			}
			b.must(p.Seal(e, e.Size, checksum.Sum(data)))
			d.publish(&storage.Publication{Partial: p, Entry: e})
			b.stands(name, itemOf(e, data))
		}
	},
	"chunks are taken from an older file": func(t *testing.T, b *bench) {
		b.delivers()
		old := content(3*chunk+100, 6)
		b.Put(t, "f", Item{Kind: tree.File, Mode: 0o600, MTime: otherTime, Data: old})
		d := b.begin()
		e := fileOf("f", 4*chunk)
		before, err := d.Stat(e)
		b.must(err)
		own, err := d.Open(e)
		b.must(err)
		p := d.start(e)
		_ = p.Shares() // either will do
		buf := make([]byte, chunk)
		for _, i := range []uint64{2, 0, 1} {
			from := own
			if i == 0 {
				from = foreign{own} // one that this place did not open
			}
			b.must(p.CopyChunk(from, i, chunk))
			n, err := p.ReadChunk(i, buf)
			if err != nil || string(buf[:n]) != string(chunkOf(old, i)) {
				t.Errorf("chunk %d reads back as %d bytes, %v", i, n, err)
			}
			p.Mark(i, cvOf(buf[:n], i))
		}
		if p.Allocated() < 0 {
			t.Error("less than nothing is allocated")
		}
		if err := p.CopyChunk(own, 3, chunk); !isUnexpectedEOF(err) {
			t.Errorf("copying past the end: %v", err)
		}
		last := content(chunk, 7)
		b.must(p.WriteChunk(3, last, cvOf(last, 3)))
		want := append(append([]byte{}, old[:3*chunk]...), last...)
		b.must(p.Seal(e, e.Size, checksum.Sum(want)))
		b.must(own.Close())
		d.publish(&storage.Publication{Partial: p, Entry: e, Replace: true, Expect: &before})
		b.stands("f", itemOf(e, want))
	},
	"writes outside the file are refused": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		for _, size := range []int{5, chunk, 2*chunk + 5} {
			e := fileOf("f", size)
			p := d.start(e)
			chunks := checksum.Chunks(e.Size)
			for _, c := range []struct {
				index uint64
				n     int
			}{{chunks, 1}, {1 << 44, 1}, {1<<64 - 1, 1}, {chunks - 1, size%chunk + 1}, {0, 3}} {
				if err := p.WriteChunk(c.index, make([]byte, c.n), checksum.CV{1}); err == nil {
					t.Errorf("of %d bytes: %d at chunk %d were taken", size, c.n, c.index)
				}
				if err := p.WriteHole(c.index, c.n, checksum.CV{1}); err == nil {
					t.Errorf("of %d bytes: a hole of %d at chunk %d was taken", size, c.n, c.index)
				}
			}
			b.must(p.Discard(false))
		}
	},
	"an end is an end": func(t *testing.T, b *bench) {
		b.delivers()
		d := b.begin()
		e := fileOf("f", 3)
		p := d.start(e)
		pub := &storage.Publication{Partial: p, Entry: e}
		_ = d.to.Files.Publish([]*storage.Publication{pub})
		if pub.Err == nil {
			t.Error("what was not sealed is published")
		}
		b.must(p.Discard(true))
		b.must(p.Discard(false))
		if err := p.WriteChunk(0, []byte("abc"), checksum.CV{}); err == nil {
			t.Error("what was discarded takes writes")
		}
		pub = d.sealed(e, []byte("abc"))
		if err := pub.Partial.WriteChunk(0, []byte("abd"), checksum.CV{}); err == nil {
			t.Error("what was sealed takes writes")
		}
		b.must(pub.Partial.Discard(false)) // the write may have spoilt it
		pub = d.sealed(e, []byte("abc"))
		d.publish(pub)
		again := &storage.Publication{Partial: pub.Partial, Entry: e, Replace: true}
		_ = d.to.Files.Publish([]*storage.Publication{again})
		if again.Err == nil {
			t.Error("one file is published twice")
		}
		b.must(pub.Partial.Discard(false))
		b.stands("f", itemOf(e, []byte("abc")))
	},
	"what is lost of metadata is told": func(t *testing.T, b *bench) {
		b.delivers()
		if b.Unkept == nil {
			t.Skip("the place keeps all that it is granted")
		}
		d := b.beginWith(Options{}, b.Granted)
		told := func(what string, lost []tree.Loss) {
			if lost := b.lost(lost); len(lost) != 1 || lost[0].What != b.Lost || lost[0].Err == nil {
				t.Errorf("of a %s is lost: %v, want %v", what, lost, b.Lost)
			}
		}
		folder := folderOf(1, 0, "d")
		folder.Extra = b.Unkept
		_, err := d.MakeFolder(folder)
		b.must(err)
		for _, size := range []int{3, chunk + 1} {
			e := fileOf(fmt.Sprint(size), size)
			e.Parent, e.Extra = 1, b.Unkept
			pub := d.sealed(e, content(size, 8))
			b.must(errors.Join(d.to.Files.Publish([]*storage.Publication{pub}), pub.Err))
			told("file", pub.Lost)
			b.stands("d/"+e.Name, Item{Kind: tree.File, Data: content(size, 8)})
		}
		out, err := d.FinishFolder(folder)
		b.must(err)
		told("folder", out.Lost)
		d.finish()
	},
	"many at a time": manyTest,
}

// manyTest makes folders and files from several goroutines.
func manyTest(t *testing.T, b *bench) {
	b.delivers()
	d := b.begin()
	const workers, files = 4, 20
	var publishing sync.Mutex
	var done sync.WaitGroup
	for w := range uint64(workers) {
		done.Go(func() {
			folder := folderOf(w+1, 0, fmt.Sprint(w))
			if _, err := d.MakeFolder(folder); err != nil {
				t.Error(err)
				return
			}
			var batch []*storage.Publication
			for i := range files {
				e := fileOf(fmt.Sprint(i), 100+i)
				e.ID, e.Parent = 1000*(w+1)+uint64(i), folder.ID
				p, err := d.to.Files.Begin(e, false)
				if err == nil {
					err = p.WriteChunk(0, content(100+i, byte(w)), checksum.CV{})
				}
				if err == nil {
					err = p.Seal(e, e.Size, checksum.Sum(content(100+i, byte(w))))
				}
				if err != nil {
					t.Error(err)
					return
				}
				batch = append(batch, &storage.Publication{Partial: p, Entry: e})
			}
			publishing.Lock()
			err := d.to.Files.Publish(batch)
			publishing.Unlock()
			for _, pub := range batch {
				err = errors.Join(err, pub.Err)
			}
			if _, ferr := d.FinishFolder(folder); errors.Join(err, ferr) != nil {
				t.Error(errors.Join(err, ferr))
			}
		})
	}
	done.Wait()
	d.finish()
	list := b.List(t)
	if len(list) != workers*(files+1) {
		t.Errorf("%d items stand there", len(list))
	}
	for w := range workers {
		for i := range files {
			path, want := fmt.Sprintf("%d/%d", w, i), Item{Kind: tree.File, Data: content(100+i, byte(w))}
			if got, there := list[path]; !there || b.differ(got, want) != "" {
				t.Errorf("at %q there is %+v", path, got)
			}
		}
	}
}

// foreign hides what a place knows of its own File.
type foreign struct{ storage.File }
