package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// stores are what the contract is tried with.
var stores = map[string]func(testing.TB) (string, bucket.Options){
	"fake":    objecttest.Fake,
	"versity": objecttest.Versity,
}

func each(t *testing.T, f func(t *testing.T, b *bucket.Bucket)) {
	t.Helper()
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			place, o := start(t)
			f(t, open(t, place, o))
		})
	}
}

func open(t testing.TB, place string, o bucket.Options) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(context.Background(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func content(seed byte, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(p) // never fails
	return p
}

func put(t testing.TB, b *bucket.Bucket, key string, body []byte, meta map[string]string) bucket.Object {
	t.Helper()
	o, err := b.Put(context.Background(), key, body, meta, bucket.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func get(t testing.TB, b *bucket.Bucket, key string, off, n int64, etag string) []byte {
	t.Helper()
	r, err := b.Get(context.Background(), key, off, n, etag)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantKind(t testing.TB, err error, kinds ...bucket.Kind) {
	t.Helper()
	var e *bucket.Error
	if !errors.As(err, &e) || !slices.Contains(kinds, e.Kind) {
		t.Fatalf("got %v, want an error of kind %v", err, kinds)
	}
}

// What is put is there, wholly and in ranges, with its metadata.
func TestPutHeadGet(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		meta := map[string]string{"mtime": "1700000000.123456789", "mode": "644", "blake3": "00ff"}
		for _, size := range []int{0, 1, 100_000} {
			body := content(1, size)
			put, head := put(t, b, "a b/ü+%.txt", body, meta), bucket.Object{}
			head, err := b.Head(context.Background(), "a b/ü+%.txt")
			if err != nil {
				t.Fatal(err)
			}
			if head.Size != int64(size) || put.Size != head.Size || head.ETag != put.ETag || head.Modified.IsZero() {
				t.Errorf("put told %+v, head tells %+v", put, head)
			}
			for k, v := range meta {
				if head.Meta[k] != v {
					t.Errorf("metadata %s is %q, not %q", k, head.Meta[k], v)
				}
			}
			if got := get(t, b, "a b/ü+%.txt", 0, -1, head.ETag); !bytes.Equal(got, body) {
				t.Errorf("got %d bytes that are not those of %d", len(got), size)
			}
		}
		body := content(1, 100_000)
		for _, r := range [][2]int64{{0, 0}, {0, 1}, {5, 10}, {99_999, 1}, {50_000, -1}, {0, 100_000}} {
			want := body[r[0]:]
			if r[1] >= 0 {
				want = want[:r[1]]
			}
			if got := get(t, b, "a b/ü+%.txt", r[0], r[1], ""); !bytes.Equal(got, want) {
				t.Errorf("range %v: got %d bytes that are not those", r, len(got))
			}
		}
	})
}

func TestAbsent(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		_, err := b.Head(context.Background(), "no")
		if wantKind(t, err, bucket.NotFound); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err, "is no fs.ErrNotExist")
		}
		_, err = b.Get(context.Background(), "no", 0, -1, "")
		wantKind(t, err, bucket.NotFound)
		if failed := b.Delete(context.Background(), []string{"no", "nor this"}); len(failed) > 0 {
			t.Error(failed)
		}
	})
}

func TestConditions(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		ctx := context.Background()
		if !b.Conditional() {
			t.Error("the store is said not to honour conditions")
		}
		first, err := b.Put(ctx, "k", []byte("one"), nil, bucket.Condition{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Put(ctx, "k", []byte("two"), nil, bucket.Condition{Absent: true})
		wantKind(t, err, bucket.Precondition)
		second, err := b.Put(ctx, "k", []byte("three"), nil, bucket.Condition{ETag: first.ETag})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Put(ctx, "k", []byte("four"), nil, bucket.Condition{ETag: first.ETag})
		wantKind(t, err, bucket.Precondition)
		_, err = b.Put(ctx, "absent", []byte("four"), nil, bucket.Condition{ETag: first.ETag})
		wantKind(t, err, bucket.Precondition)
		_, err = b.Get(ctx, "k", 0, -1, first.ETag)
		wantKind(t, err, bucket.Precondition)
		if got := get(t, b, "k", 0, -1, second.ETag); string(got) != "three" {
			t.Errorf("%q stands there", got)
		}
	})
}

func TestUpload(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		ctx := context.Background()
		body := content(2, 11<<20)
		upload, err := b.Begin(ctx, "big/file", map[string]string{"mtime": "1.5"})
		if err != nil {
			t.Fatal(err)
		}
		var parts []bucket.Part
		for i, p := range [][]byte{body[:5<<20], body[5<<20 : 10<<20], body[10<<20:]} {
			part, err := b.PutPart(ctx, "big/file", upload, i+1, p)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part)
		}
		listed, err := b.Parts(ctx, "big/file", upload)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(listed, parts) {
			t.Errorf("parts are %+v, listed %+v", parts, listed)
		}
		var uploads []bucket.Upload
		for u, err := range b.Uploads(ctx, "big/") {
			if err != nil {
				t.Fatal(err)
			}
			uploads = append(uploads, u)
		}
		if len(uploads) != 1 || uploads[0].ID != upload || uploads[0].Key != "big/file" || uploads[0].Begun.IsZero() {
			t.Errorf("uploads are %+v", uploads)
		}
		if _, err := b.Head(ctx, "big/file"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("half an object stands there: %v", err)
		}
		o, err := b.Complete(ctx, "big/file", upload, parts, bucket.Condition{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != int64(len(body)) || o.Meta["mtime"] != "1.5" {
			t.Errorf("completed is %+v", o)
		}
		if want := "-3"; !strings.HasSuffix(o.ETag, want) {
			t.Errorf("the ETag %s does not end in %s", o.ETag, want)
		}
		for l, err := range b.List(ctx, "big/", true) {
			if err != nil || l.ETag != o.ETag {
				t.Errorf("listed is %+v, %v", l, err)
			}
		}
		if got := get(t, b, "big/file", 0, -1, o.ETag); !bytes.Equal(got, body) {
			t.Error("another content stands there")
		}
		_, err = b.Parts(ctx, "big/file", upload)
		wantKind(t, err, bucket.NotFound)
		if err := b.Abort(ctx, "big/file", upload); err != nil {
			t.Error(err)
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, b *bucket.Bucket) {
		ctx := context.Background()
		keys := []string{"a.txt", "a/b", "a/c/d", "b/", "b/x y+z%", "c"}
		for _, k := range keys {
			body := []byte(k)
			if strings.HasSuffix(k, "/") {
				body = nil // a real server takes no content there
			}
			put(t, b, k, body, nil)
		}
		list := func(prefix string, deep bool) (got []string) {
			for l, err := range b.List(ctx, prefix, deep) {
				if err != nil {
					t.Fatal(err)
				}
				if !l.Folder && (l.Size != int64(len(l.Key)) && l.Size > 0 || l.Modified.IsZero() || l.ETag == "") {
					t.Errorf("listed is %+v", l)
				}
				got = append(got, l.Key)
			}
			return got
		}
		if got := list("", true); !slices.Equal(got, keys) {
			t.Errorf("listed are %q", got)
		}
		if got, want := list("", false), []string{"a.txt", "a/", "b/", "c"}; !slices.Equal(got, want) {
			t.Errorf("listed are %q, not %q", got, want)
		}
		if got, want := list("a/", false), []string{"a/b", "a/c/"}; !slices.Equal(got, want) {
			t.Errorf("listed are %q, not %q", got, want)
		}
		if failed := b.Delete(ctx, keys); failed != nil {
			t.Error(failed)
		}
		if got := list("", true); len(got) != 0 {
			t.Errorf("left are %q", got)
		}
	})
}
