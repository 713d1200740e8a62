package object

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/storage"
	"ferry/transfer/storage/storagetest"
	"ferry/transfer/tree"
)

// stood is an object as storagetest.Original.
type stood struct {
	b   *bucket.Bucket
	s   *Source
	key string
}

func (o stood) put(t testing.TB, data []byte, m meta) {
	t.Helper()
	if _, err := o.b.Put(context.Background(), o.key, data, m.encode(), bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func (o stood) Source() storage.Source {
	return o.s.item(o.b, bucket.Object{Key: o.key})
}

func (o stood) Change(t testing.TB, data []byte, mtime tree.Time) {
	o.put(t, data, meta{MTime: mtime, HasMTime: true})
}

func (o stood) Replace(t testing.TB, data []byte, mtime tree.Time) bool {
	o.Change(t, data, mtime)
	return true
}

func (o stood) Remove(t testing.TB) bool {
	if errs := o.b.Delete(t.Context(), []string{o.key}); len(errs) > 0 {
		t.Fatal(errs)
	}
	return true
}

// opened is a bucket and a Source of it.
func openSource(t *testing.T, place string, o bucket.Options, memory int64) (*bucket.Bucket, *Source) {
	t.Helper()
	b, err := bucket.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSource(t.Context(), b, place, SourceOptions{Memory: memory})
	t.Cleanup(func() {
		s.Close()
		if s.room.free != s.room.most {
			t.Errorf("%d of %d bytes of memory are given back", s.room.free, s.room.most)
		}
		if n := int64(len(s.room.idle)) * blockSize; n > s.room.most {
			t.Errorf("blocks have %d bytes, where %d are allowed", n, s.room.most)
		}
		b.Close()
	})
	return b, s
}

func TestSourceContract(t *testing.T) {
	for name, store := range map[string]func(testing.TB) (string, bucket.Options){"in process": objecttest.Fake, "real": objecttest.Versity} {
		t.Run(name, func(t *testing.T) {
			place, o := store(t)
			b, s := openSource(t, place, o, 0)
			n := 0
			storagetest.Source(t, func(t *testing.T, data []byte, mtime tree.Time) storagetest.Original {
				n++
				it := stood{b, s, "f" + string(rune('a'+n%26)) + t.Name()[len(t.Name())-1:]}
				it.Change(t, data, mtime)
				of := seen{it, it.Source().(*item)}
				if _, err := of.item.Stat(); err != nil {
					t.Fatal(err)
				}
				of.item.saw(must(b.Head(t.Context(), it.key)))
				if n%2 == 0 {
					of.item.looked = false
				}
				return of
			})
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// seen is an object that was looked at.
type seen struct {
	stood
	item *item
}

func (o seen) Source() storage.Source { return o.item }

// Remove takes away what nobody has looked at yet: what was looked at is opened without asking.
func (o seen) Remove(t testing.TB) bool {
	o.item.looked = false
	return o.stood.Remove(t)
}

// A large object is read right, in whatever order, by however many and with however little
// memory, and by few requests if in order.
func TestSourceReadsRanges(t *testing.T) {
	_, next := objecttest.Fake(t)
	proxy := objecttest.Faulty(t, next)
	size := 37<<20 + 123
	if objecttest.Raced {
		size = 21<<20 + 123
	}
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	first, s := openSource(t, objecttest.Place, next, 0)
	stood{first, s, "large"}.put(t, data, meta{})
	for _, c := range []struct {
		memory  int64
		workers int
		most    int // requests; 0: whatever it takes
	}{{0, 1, 6}, {0, 4, 12}, {16 << 20, 4, 0}, {1 << 20, 3, 0}, {1, 2, 0}} {
		b, s := openSource(t, objecttest.Place, proxy.Options(), c.memory)
		f, err := stood{b, s, "large"}.Source().Open()
		if err != nil {
			t.Fatal(err)
		}
		before := proxy.Count("get")
		jobs := make(chan uint64)
		var wg sync.WaitGroup
		for range c.workers {
			wg.Go(func() {
				buf := make([]byte, checksum.ChunkSize)
				for i := range jobs {
					n := checksum.ChunkLen(int64(len(data)), i)
					at := int64(i) * checksum.ChunkSize
					if m, err := f.ReadAt(buf[:n], at); m != n || err != nil || !bytes.Equal(buf[:n], data[at:at+int64(n)]) {
						t.Errorf("chunk %d: %d bytes, %v", i, m, err)
					}
				}
			})
		}
		for i := range checksum.Chunks(int64(len(data))) {
			jobs <- i
		}
		close(jobs)
		wg.Wait()
		if n := proxy.Count("get") - before; c.most > 0 && n > c.most {
			t.Errorf("%+v: %d requests", c, n)
		}
		// Anywhere, again and over the end.
		rnd := rand.New(rand.NewPCG(1, uint64(c.memory)))
		for range 30 {
			at, n := rnd.Int64N(int64(len(data))), 1+rnd.IntN(100_000)
			buf := make([]byte, n)
			want := data[at:min(at+int64(n), int64(len(data)))]
			m, err := f.ReadAt(buf, at)
			if m != len(want) || !bytes.Equal(buf[:m], want) || (err != nil) != (m < n) || m < n && err != io.EOF {
				t.Errorf("%d bytes at %d: %d, %v", n, at, m, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("after its end: %v", err)
		}
	}
}

// An object that is another one in the midst of a reading ends it as one that changed.
func TestSourceThatChanges(t *testing.T) {
	_, o := objecttest.Fake(t)
	b, s := openSource(t, objecttest.Place, o, 2<<20)
	at := stood{b, s, "x"}
	at.put(t, make([]byte, 20<<20), meta{})
	it := at.Source()
	f, err := it.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	if _, err := f.ReadAt(buf, 0); err != nil {
		t.Fatal(err)
	}
	at.put(t, bytes.Repeat([]byte("y"), 20<<20), meta{})
	if _, err = f.ReadAt(buf, 15<<20); !errors.Is(err, io.EOF) {
		t.Errorf("another version is read as %v", err)
	}
	again, err := it.Open()
	if err != nil || again.Info().SameVersion(f.Info()) {
		t.Errorf("%v: the next try sees the old one", err)
	}
	if _, err := again.ReadAt(buf, 15<<20); err != nil || buf[0] != 'y' {
		t.Error(err)
	}
	again.Close()
	at.Remove(t)
	if _, err = f.ReadAt(buf, 10<<20); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is gone is read as %v", err)
	}
}

// Small objects that are read ahead are those that were looked at, or another try is made.
func TestSourceReadsAhead(t *testing.T) {
	_, next := objecttest.Fake(t)
	proxy := objecttest.Faulty(t, next)
	b, s := openSource(t, objecttest.Place, proxy.Options(), 0)
	at := stood{b, s, "x"}
	at.put(t, []byte("first"), meta{})
	it := at.Source().(*item)
	if _, err := it.Look()(); err != nil {
		t.Fatal(err)
	}
	before := proxy.Count("get")
	it.Ahead(5)
	buf := make([]byte, 10)
	n, was, is, err := it.ReadSmall(buf)
	if string(buf[:n]) != "first" || err != nil || !was.SameVersion(is) || proxy.Count("get") != before+1 {
		t.Errorf("%q, %v, %d requests", buf[:n], err, proxy.Count("get")-before)
	}
	at.put(t, []byte("second"), meta{})
	it.Ahead(5)
	n, now, _, err := it.ReadSmall(buf)
	if string(buf[:n]) != "second" || err != nil || now.SameVersion(was) {
		t.Errorf("%q, %v, %+v", buf[:n], err, now)
	}
}

// A look at a small object reads it as well, in one request. That ends where what was read is not
// wanted, and begins again where some is. What may only be looked at is looked at.
func TestSourceReadsWhileItLooks(t *testing.T) {
	_, next := objecttest.Fake(t)
	proxy := objecttest.Faulty(t, next)
	b, s := openSource(t, objecttest.Place, proxy.Options(), 0)
	o := stood{b, s, "x"}
	o.put(t, []byte("first"), meta{Mode: 0o700, HasMode: true})
	listed := must(b.Head(t.Context(), "x"))
	listed.Meta = nil
	buf := make([]byte, 10)
	look := func(step string, heads, gets int) *item {
		t.Helper()
		it, h, g := s.item(b, listed), proxy.Count("head"), proxy.Count("get")
		info, err := it.Look()()
		if err != nil || info.Mode != 0o700 {
			t.Errorf("%s: %+v, %v", step, info, err)
		}
		if h, g = proxy.Count("head")-h, proxy.Count("get")-g; h != heads || g != gets {
			t.Errorf("%s: it took %d requests for what it is, and %d for what is in it", step, h, g)
		}
		return it
	}
	read := func(step string, it *item, requests int) {
		t.Helper()
		before := proxy.Count("get")
		if n, _, _, err := it.ReadSmall(buf); string(buf[:n]) != "first" || err != nil || proxy.Count("get") != before+requests {
			t.Errorf("%s: %q, %v, %d requests", step, buf[:n], err, proxy.Count("get")-before)
		}
		it.Settled()
	}
	read("wanted", look("at first", 0, 1), 0)
	look("still", 0, 1).Settled() // not wanted
	read("wanted again", look("not wanted", 1, 0), 1)
	it := look("wanted again", 0, 1)
	read("wanted", it, 0)
	proxy.Set(objecttest.Rule{Op: "get", Times: 1, Fault: objecttest.Status, N: 403, Code: "InvalidObjectState"})
	look("in an archive", 1, 1)
	o.put(t, []byte("first, and longer"), meta{Mode: 0o700, HasMode: true})
	it = look("longer", 0, 1)
	if now := it.now(); now.Size != 17 {
		t.Errorf("%+v", now)
	}
	it.Settled()
}

// What is lent of a range is there until it is given back, and is lent once.
func TestSourceLends(t *testing.T) {
	_, next := objecttest.Fake(t)
	b, s := openSource(t, objecttest.Place, next, 0)
	o := stood{b, s, "large"}
	data := make([]byte, 3<<20+5)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	o.put(t, data, meta{})
	f := must(o.Source().Open()).(*reading)
	defer f.Close()
	for i := range int64(4) {
		n := int(min(blockSize, int64(len(data))-i*blockSize))
		got, done, err := f.Lend(i*blockSize, n)
		if err != nil || !bytes.Equal(got, data[i*blockSize:][:n]) {
			t.Fatalf("block %d: %d bytes, %v", i, len(got), err)
		}
		if i == 3 {
			f.Close() // while it is lent
		} else if again, _, err := f.Lend(i*blockSize, n); again != nil || err != nil {
			t.Errorf("block %d is lent again: %v", i, err)
		}
		if !bytes.Equal(got, data[i*blockSize:][:n]) {
			t.Errorf("block %d changed while it was lent", i)
		}
		done()
	}
	if got, _, err := f.Lend(0, blockSize); got != nil || err == nil {
		t.Errorf("after its end %d bytes are lent, %v", len(got), err)
	}
}

// A store that is away ends all, and is told so.
func TestSourceIsAway(t *testing.T) {
	_, next := objecttest.Fake(t)
	proxy := objecttest.Faulty(t, next)
	o := proxy.Options()
	o.Patience = time.Millisecond
	b, s := openSource(t, objecttest.Place, o, 0)
	at := stood{b, s, "x"}
	at.put(t, []byte("first"), meta{})
	it := at.Source()
	proxy.Set(objecttest.Rule{Op: "head", Times: 1000, Fault: objecttest.Refuse})
	if _, err := it.Open(); !errors.Is(err, storage.ErrSourceAway) {
		t.Error(err)
	}
	proxy.Set(objecttest.Rule{Op: "head", Times: 1000, Fault: objecttest.Status, N: 403, Code: "AccessDenied"})
	if _, err := it.Stat(); errors.Is(err, storage.ErrSourceAway) || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}
