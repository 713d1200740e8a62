package bucket_test

import (
	"errors"
	"testing"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// An object gets other metadata under its own key, and not if it is another one by now.
func TestCopy(t *testing.T) {
	place, o := objecttest.Fake(t)
	b, err := bucket.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	was, err := b.Put(t.Context(), "a b/ü", []byte("abc"), map[string]string{"mtime": "5", "mode": "644"}, bucket.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	now, err := b.Copy(t.Context(), was, was.Key, map[string]string{"mtime": "6", "mode": "600", "blake3": "x"}, bucket.Condition{})
	if err != nil || now.Size != 3 || now.Meta["mtime"] != "6" || now.Meta["blake3"] != "x" {
		t.Fatalf("%+v, %v", now, err)
	}
	to, err := b.Copy(t.Context(), now, "other", now.Meta, bucket.Condition{Absent: true})
	if err != nil || to.Key != "other" || to.Meta["mode"] != "600" {
		t.Errorf("%+v, %v", to, err)
	}
	var e *bucket.Error
	if _, err := b.Copy(t.Context(), now, "other", now.Meta, bucket.Condition{Absent: true}); !errors.As(err, &e) || e.Kind != bucket.Precondition {
		t.Errorf("a key that is taken: %v", err)
	}
	if _, err := b.Copy(t.Context(), bucket.Object{Key: "none", ETag: "x"}, "none", nil, bucket.Condition{}); err == nil {
		t.Error("nothing is copied")
	}
	if _, err := b.Copy(t.Context(), bucket.Object{Key: "a b/ü", Size: bucket.MaxCopy + 1}, "x", nil, bucket.Condition{}); err == nil {
		t.Error("too much is copied")
	}
}

// What says how an object is to be served is another's, and outlasts new metadata.
func TestCopyKeepsHeaders(t *testing.T) {
	place, o := objecttest.Versity(t)
	b, err := bucket.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	was, err := b.Put(t.Context(), "page.gz", []byte("abc"), nil, bucket.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip", "Content-Language": "de",
		"Content-Disposition": `attachment; filename="p"`, "Cache-Control": "max-age=5",
	}
	was.Headers = said
	if _, err = b.Copy(t.Context(), was, was.Key, map[string]string{"mtime": "5"}, bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	if was, err = b.Head(t.Context(), was.Key); err != nil {
		t.Fatal(err)
	}
	now, err := b.Copy(t.Context(), was, was.Key, map[string]string{"mtime": "6"}, bucket.Condition{})
	if err != nil || now.Meta["mtime"] != "6" {
		t.Fatalf("%+v, %v", now, err)
	}
	for name, value := range said {
		if now.Headers[name] != value {
			t.Errorf("%s: %q, and it was %q", name, now.Headers[name], value)
		}
	}
}
