package object

import (
	"context"
	"sync"
	"testing"

	"ferry/checksum"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// landing begins a delivery.
func landing(t *testing.T, d *destination) *storage.Landing {
	t.Helper()
	l, err := d.Start(tree.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entry is that of a file at the top.
func entry(name string, size int64) *tree.Entry {
	return &tree.Entry{ID: 7, Kind: tree.File, Name: name, Size: size, Mode: 0o644, MTime: tree.Time{Sec: 1_500_000_000, Nsec: 5}}
}

// bytesOf is content that differs in each chunk.
func bytesOf(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>20) ^ byte(i*7) ^ seed
	}
	return b
}

func chunk(data []byte, i uint64) []byte {
	at := int(i) * checksum.ChunkSize
	return data[at:min(at+checksum.ChunkSize, len(data))]
}

// write writes a chunk as the receiver does.
func write(p storage.Partial, data []byte, i uint64) error {
	c := chunk(data, i)
	return p.WriteChunk(i, c, checksum.NewNode(c, i).CV())
}

// publish seals a file and gives it its name.
func publish(t *testing.T, l *storage.Landing, p storage.Partial, e *tree.Entry, data []byte) {
	t.Helper()
	if err := p.Seal(e, e.Size, checksum.Sum(data)); err != nil {
		t.Fatal(err)
	}
	pub := &storage.Publication{Partial: p, Entry: e}
	if err := l.Files.Publish([]*storage.Publication{pub}); err != nil || pub.Err != nil {
		t.Fatal(err, pub.Err)
	}
}

// Chunks that come in an order which leaves gaps everywhere take no more memory than others,
// and neither deadlock nor get lost.
func TestSparseOrder(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	const part, memory = 4 << 20, 12 << 20
	d, _ := begin(t, b, Options{part: part, Memory: memory})
	l := landing(t, d)
	size := 41<<20 + 77
	if objecttest.Raced {
		size = 25<<20 + 77 // more parts than memory, still
	}
	data := bytesOf(size, 3)
	e := entry("f", int64(len(data)))
	p, err := l.Files.Begin(e, false)
	if err != nil {
		t.Fatal(err)
	}
	total, most := checksum.Chunks(e.Size), int64(0)
	for step := range uint64(4) { // one chunk of each part, then the next of each
		for i := step; i < total; i += 4 {
			if err := write(p, data, i); err != nil {
				t.Fatal(err)
			}
			most = max(most, d.files.budget.held())
		}
	}
	publish(t, l, p, e, data)
	if most > memory {
		t.Errorf("%d MiB were held, and %d may be", most>>20, memory>>20)
	}
	if got := content(t, b, "f"); checksum.Sum(got) != checksum.Sum(data) {
		t.Error("another content came out")
	}
	if held := d.files.budget.held(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
	if _, err := d.Finish(); err != nil {
		t.Error(err)
	}
	for x := range b.List(context.Background(), statePrefix, true) {
		t.Errorf("left is %q", x.Key)
	}
}

// Several files at a time share the memory, in whatever order.
func TestSharedMemory(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	d, _ := begin(t, b, Options{part: 2 << 20, Memory: 6 << 20})
	l := landing(t, d)
	var writers sync.WaitGroup
	for n := range 5 {
		writers.Go(func() {
			data := bytesOf(9<<20+1+n, byte(n)) // 10 chunks
			e := entry(string(rune('a'+n)), int64(len(data)))
			p, err := l.Files.Begin(e, false)
			if err != nil {
				t.Error(err)
				return
			}
			total := checksum.Chunks(e.Size)
			for i := range total {
				if err := write(p, data, (i*3+uint64(n))%total); err != nil {
					t.Error(err)
					return
				}
			}
			if n%2 == 0 {
				if err := p.Discard(true); err != nil {
					t.Error(err)
				}
				return
			}
			if err := p.Seal(e, e.Size, checksum.Sum(data)); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if held := d.files.budget.held(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}
