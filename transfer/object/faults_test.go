package object

import (
	"context"
	"net/http"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// A store that cuts, fails and is slow, at random, only makes a delivery take longer.
func TestFaultyStore(t *testing.T) {
	for name, rig := range rigs() {
		t.Run(name, func(t *testing.T) {
			place, o := rig(t)
			proxy := objecttest.Faulty(t, o)
			through := proxy.Options()
			through.Patience = time.Minute
			b := openBucket(t, place, through)
			dir := source(t, 12<<20+5)
			src := []send.Source{{Source: tree.Source{Path: dir, Contents: true}}}
			proxy.Random(7, 20,
				objecttest.Rule{Fault: objecttest.Refuse}, objecttest.Rule{Fault: objecttest.CutRequest, N: 1000}, objecttest.Rule{Fault: objecttest.LoseAnswer},
				objecttest.Rule{Fault: objecttest.CutAnswer, N: 10}, objecttest.Rule{Fault: objecttest.Truncate, N: 5}, objecttest.Rule{Fault: objecttest.Status, N: http.StatusServiceUnavailable},
				objecttest.Rule{Fault: objecttest.StatusAfter, N: http.StatusInternalServerError})
			d, _ := begin(t, b, Options{part: 5 << 20, VerifyDisk: true})
			deliverytest.Deliver(t, t.Context(), "", src, into(d)).OK(t)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			proxy.Set()
			sameAsKeys(t, dir, openBucket(t, place, o))
		})
	}
}

// What the store does not do as it should fails the file, and leaves nothing under its name
// that anybody takes for it.
func TestFaultsOfOneFile(t *testing.T) {
	for name, c := range map[string]struct {
		rules []objecttest.Rule
		want  storage.Kind
		size  int
	}{
		"a PUT that is forbidden":        {[]objecttest.Rule{{Op: "put", Fault: objecttest.Status, N: 403}}, storage.Permission, 1000},
		"a part that is forbidden":       {[]objecttest.Rule{{Op: "part", Fault: objecttest.Status, N: 403}}, storage.Permission, 3 << 20},
		"an upload that is forbidden":    {[]objecttest.Rule{{Op: "begin", Fault: objecttest.Status, N: 403}}, storage.Permission, 3 << 20},
		"an end that is forbidden":       {[]objecttest.Rule{{Op: "complete", Fault: objecttest.Status, N: 403}}, storage.Permission, 3 << 20},
		"a part that is spoiled":         {[]objecttest.Rule{{Op: "part", Fault: objecttest.LieETag}}, storage.Mismatch, 3 << 20},
		"a PUT whose ETag is a lie":      {[]objecttest.Rule{{Op: "put", Fault: objecttest.LieETag}}, storage.Mismatch, 1000},
		"an end whose ETag is a lie":     {[]objecttest.Rule{{Op: "complete", Fault: objecttest.LieETag}}, storage.Mismatch, 3 << 20},
		"a store that is full":           {[]objecttest.Rule{{Op: "part", Fault: objecttest.Status, N: 507}}, storage.NoSpace, 3 << 20},
		"a store that fails for so long": {[]objecttest.Rule{{Op: "put", Fault: objecttest.Status, N: 503}}, storage.IO, 1000},
		"an upload that somebody ended":  {[]objecttest.Rule{{Op: "part", Skip: 1, Fault: objecttest.Status, N: 404, Code: "NoSuchUpload"}}, storage.Conflict, 3 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			place, o := objecttest.Fake(t)
			proxy := objecttest.Faulty(t, o)
			through := proxy.Options()
			through.Patience = 300 * time.Millisecond
			b := openBucket(t, place, through)
			b.Conditional() // it writes a trial, once
			d, _ := begin(t, b, small)
			l := landing(t, d)
			data := bytesOf(c.size, 1)
			e := entry("f", int64(c.size))
			p, err := l.Files.Begin(e, false)
			if err != nil {
				t.Fatal(err)
			}
			proxy.Set(c.rules...)
			pub := &storage.Publication{Partial: p, Entry: e}
			for i := range checksum.Chunks(e.Size) {
				if err == nil {
					err = write(p, data, i)
				}
			}
			if err == nil {
				err = p.Seal(e, e.Size, checksum.Sum(data))
			}
			if err == nil {
				stop := l.Files.Publish([]*storage.Publication{pub})
				if err = pub.Err; (stop != nil) != (c.want == storage.IO || c.want == storage.NoSpace) {
					t.Errorf("the delivery: %v", stop)
				}
			}
			if storage.KindOf(err) != c.want {
				t.Errorf("%v, want the kind %v", err, c.want)
			}
			proxy.Set()
			if _, err := b.Head(context.Background(), "f"); err == nil {
				t.Error("something has the name")
			}
			if err := p.Discard(true); err != nil {
				t.Error(err)
			}
		})
	}
}

// An object that reads back as something else is told, and does not stay.
func TestVerifyDisk(t *testing.T) {
	for _, size := range []int{1000, 3 << 20} {
		place, o := objecttest.Fake(t)
		b := openBucket(t, place, o)
		d, _ := begin(t, b, Options{part: 1 << 20, VerifyDisk: true})
		l := landing(t, d)
		data := bytesOf(size, 1)
		e := entry("f", int64(size))
		p, err := l.Files.Begin(e, false)
		for i := range checksum.Chunks(e.Size) {
			if err == nil {
				err = write(p, data, i)
			}
		}
		if err == nil {
			err = p.Seal(e, e.Size, checksum.Sum([]byte("another content")))
		}
		if err != nil {
			t.Fatal(err)
		}
		pub := &storage.Publication{Partial: p, Entry: e}
		_ = l.Files.Publish([]*storage.Publication{pub})
		if storage.KindOf(pub.Err) != storage.Mismatch {
			t.Errorf("%v", pub.Err)
		}
		if err := p.Discard(true); err != nil {
			t.Error(err)
		}
		for x := range b.List(t.Context(), "", true) {
			t.Errorf("left is %q", x.Key)
		}
	}
}

// An object of the same size, time and mode, whose content nobody knows, is not taken for the
// file that is to be written: it stays, and the file gets another name.
func TestObjectWithoutDigestIsNotOverwritten(t *testing.T) {
	place, o := objecttest.Fake(t)
	b := openBucket(t, place, o)
	d, _ := begin(t, b, small)
	l := landing(t, d)
	data := bytesOf(1000, 1)
	e := entry("f", 1000)
	like := d.dress.meta(e)
	if _, err := b.Put(t.Context(), "f", bytesOf(1000, 2), like.encode(), bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	p, err := l.Files.Begin(e, false)
	if err == nil {
		err = write(p, data, 0)
	}
	if err == nil {
		err = p.Seal(e, 1000, checksum.Sum(data))
	}
	if err != nil {
		t.Fatal(err)
	}
	pub := &storage.Publication{Partial: p, Entry: e, Rename: true}
	if err := l.Files.Publish([]*storage.Publication{pub}); err != nil || pub.Err != nil {
		t.Fatal(err, pub.Err)
	}
	if was, err := b.Head(t.Context(), "f"); err != nil || decodeMeta(was.Meta) != like || pub.Name == "" {
		t.Errorf("the file is called %q, and f is %+v, %v", pub.Name, was, err)
	}
}

// State objects that anybody may have written cost nothing but themselves.
func FuzzState(f *testing.F) {
	good := state{header: header{Path: "a/b", Size: 3 << 20, MTime: "5.5", Part: 1 << 20, Upload: "u", Serial: 3},
		sent: []sent{{1, "e", "", []checksum.CV{{1}}}, {3, "f", "s", []checksum.CV{{2}}}}}
	b, err := good.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:len(b)-32])
	f.Add([]byte(stateMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := checksum.Sum(b)
		st, err := decodeState(append(b, sum[:]...))
		if err != nil {
			return
		}
		again, err := st.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeState(again); err != nil {
			t.Fatalf("%+v does not read as it was written: %v", st, err)
		}
	})
}

// Who looks at a folder that is there asks for each file once, and for what is new not at all.
func TestRequests(t *testing.T) {
	place, o := objecttest.Fake(t)
	proxy := objecttest.Faulty(t, o)
	b := openBucket(t, place, proxy.Options())
	dir := t.TempDir()
	const files = 200
	for i := range files {
		deliverytest.Write(t, dir+"/d/"+string(rune('a'+i%26))+string(rune('a'+i/26)), 100, uint64(i))
	}
	src := []send.Source{{Source: tree.Source{Path: dir, Contents: true}}}
	deliver := func() {
		d, _ := begin(t, b, Options{})
		deliverytest.Deliver(t, t.Context(), "", src, into(d)).OK(t)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	// The bucket finds out what the store can.
	if _, err := b.Put(t.Context(), "first", nil, nil, bucket.Condition{Absent: true}); err != nil {
		t.Fatal(err)
	}
	before := proxy.Count("put")
	deliver()
	if heads, puts := proxy.Count("head"), proxy.Count("put")-before; heads > 0 || puts != files {
		t.Errorf("%d questions and %d PUTs for %d new files", heads, puts, files)
	}
	deliver()
	if heads := proxy.Count("head"); heads != files {
		t.Errorf("%d questions for %d files that are there", heads, files)
	}
}
