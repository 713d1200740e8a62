package bucket_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// hostile opens a store that answers as f says, after the first question.
func hostile(t *testing.T, f http.HandlerFunc) *bucket.Bucket {
	t.Helper()
	return hostileFor(t, 50*time.Millisecond, f)
}

// hostileFor is hostile for a client of that patience.
func hostileFor(t *testing.T, patience time.Duration, f http.HandlerFunc) *bucket.Bucket {
	t.Helper()
	first := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			_, _ = io.WriteString(w, `<ListBucketResult><Name>deliveries</Name></ListBucketResult>`)
			return
		}
		f(w, r)
	}))
	t.Cleanup(server.Close)
	return open(t, objecttest.Place, bucket.Options{Endpoint: server.URL, Getenv: environ(keys()), Patience: patience})
}

func page(inside string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<ListBucketResult><Name>deliveries</Name>"+inside+"</ListBucketResult>")
	}
}

func entry(key string) string {
	return "<Contents><Key>" + key + "</Key><Size>1</Size><ETag>x</ETag></Contents>"
}

const goesOn = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"

// A list from a stranger ends, and yields only what was asked for.
func TestHostileLists(t *testing.T) {
	many := strings.Repeat(entry("in/a"), 1001)
	for name, inside := range map[string]string{
		"same token":     entry("in/a") + goesOn,
		"no end":         goesOn,
		"other prefix":   entry("out/a"),
		"back":           entry("in/b") + entry("in/b"),
		"too long a key": entry("in/" + strings.Repeat("a", 1100)),
		"too many":       many,
		"negative":       "<Contents><Key>in/a</Key><Size>-1</Size></Contents>",
		"no folder":      "<CommonPrefixes><Prefix>in/a</Prefix></CommonPrefixes>",
	} {
		t.Run(name, func(t *testing.T) {
			b := hostile(t, page(inside))
			n := 0
			var last error
			for l, err := range b.List(context.Background(), "", name != "no folder") {
				if last != nil {
					t.Fatalf("after an error comes %+v, %v", l, err)
				}
				last = err
				n++
			}
			wantKind(t, last, bucket.Mismatch)
			if n > 3 {
				t.Errorf("%d were yielded", n)
			}
		})
	}
	b := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<ListBucketResult><Name>deliveries</Name>")
		for range 20 << 20 / 100 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 100)); err != nil {
				return
			}
		}
	})
	for _, err := range b.List(context.Background(), "", true) {
		wantKind(t, err, bucket.Other)
		wantWords(t, err, "too large")
	}
}

// A list without a key on any page ends too.
func TestHostileEmptyPages(t *testing.T) {
	n := 0
	b := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		_, _ = fmt.Fprintf(w, "<R><Name>deliveries</Name><Bucket>deliveries</Bucket><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>"+
			"<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>%d</NextUploadIdMarker></R>", n, n)
	})
	var last error
	for _, last = range b.List(context.Background(), "", true) {
	}
	wantKind(t, last, bucket.Mismatch)
	last = nil
	for _, last = range b.Uploads(context.Background(), "") {
	}
	wantKind(t, last, bucket.Mismatch)
}

func TestHostileUploads(t *testing.T) {
	b := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<R><Bucket>deliveries</Bucket><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></R>")
	})
	for _, err := range b.Uploads(context.Background(), "") {
		wantKind(t, err, bucket.Mismatch)
	}
	_, err := b.Parts(context.Background(), "k", "u")
	wantKind(t, err, bucket.Mismatch)
	_, err = b.Parts(context.Background(), "k", "")
	wantKind(t, err, bucket.Other)
	_, err = b.PutPart(context.Background(), "k", "u", 10_001, []byte("x"))
	wantKind(t, err, bucket.Other)
	_, err = b.Complete(context.Background(), "k", "u", nil, bucket.Condition{})
	wantKind(t, err, bucket.Other)
}

// Whatever a store sends to a Get, it is what was asked for, or an error.
func TestHostileGet(t *testing.T) {
	for name, c := range map[string]struct {
		n      int64
		status int
		header map[string]string
		body   string
	}{
		"shorter":       {10, 206, map[string]string{"Content-Length": "5"}, "01234"},
		"longer":        {10, 206, map[string]string{"Content-Length": "11"}, "01234567890"},
		"ends early":    {10, 206, map[string]string{"Content-Length": "10"}, "01234"},
		"chunked short": {10, 206, nil, "01234"},
		"whole instead": {10, 200, nil, strings.Repeat("x", 100)},
		"other range":   {10, 206, map[string]string{"Content-Range": "bytes 50-59/100"}, "0123456789"},
		"other version": {10, 206, map[string]string{"ETag": `"other"`}, "0123456789"},
		"all, chunked":  {-1, 206, nil, "0123456789"},
		"bad size":      {-1, 206, map[string]string{"Content-Length": "-7"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := hostile(t, func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				head := map[string]string{"ETag": `"e"`, "Last-Modified": "Mon, 02 Jan 2006 15:04:05 GMT", "Connection": "close"}
				for k, v := range c.header {
					head[k] = v
				}
				fmt.Fprintf(conn, "HTTP/1.1 %d OK\r\n", c.status)
				for k, v := range head {
					fmt.Fprintf(conn, "%s: %s\r\n", k, v)
				}
				fmt.Fprintf(conn, "\r\n%s", c.body)
			})
			r, err := b.Get(context.Background(), "k", 3, c.n, "e")
			if err == nil {
				defer r.Close()
				var got []byte
				if got, err = io.ReadAll(r); err == nil {
					t.Fatalf("got %q for good", got)
				}
			}
			var e *bucket.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v has no kind", err)
			}
		})
	}
}

func TestBadKeys(t *testing.T) {
	b := hostile(t, func(w http.ResponseWriter, r *http.Request) { t.Error("a request was made") })
	for _, key := range []string{"", strings.Repeat("a", 1024), "\xff"} {
		if _, err := b.Head(context.Background(), key); err == nil {
			t.Errorf("%q is taken", key)
		}
	}
	for _, meta := range []map[string]string{{"A": "b"}, {"a": "b\n"}, {"a": "ü"}, {"a b": ""}, {"a": strings.Repeat("x", 3000)}} {
		if _, err := b.Put(context.Background(), "k", nil, meta, bucket.Condition{}); err == nil {
			t.Errorf("%q is taken", meta)
		}
	}
}

// A refusal that a race in a store can cause is no last word, but it is one in the end.
func TestRefusalThatMayPass(t *testing.T) {
	for name, refusals := range map[string]int64{"passes": 2, "stays": 100} {
		t.Run(name, func(t *testing.T) {
			var puts atomic.Int64
			body := []byte("content")
			sum := md5.Sum(body)
			b := hostileFor(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
				if n := puts.Add(1); n <= refusals {
					w.WriteHeader(http.StatusConflict)
					_, _ = io.WriteString(w, "<Error><Code>ExistingObjectIsDirectory</Code><Message>Existing Object is a directory.</Message></Error>")
					return
				}
				w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
			})
			_, err := b.Put(t.Context(), "d/k", body, nil, bucket.Condition{})
			if refusals == 2 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantKind(t, err, bucket.Other)
			if n := puts.Load(); n > 4 {
				t.Errorf("%d tries", n)
			}
		})
	}
}
