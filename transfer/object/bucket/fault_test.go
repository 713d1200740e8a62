package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"time"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// impatient is long enough for a few pauses.
const impatient = 160 * time.Millisecond

// scene is what an operation under faults finds: an object "old", one "new" that is not there,
// and an upload of two parts to "big".
type scene struct {
	clean, faulty *bucket.Bucket
	proxy         *objecttest.Proxy
	old           bucket.Object
	oldBody       []byte
	upload        string
	parts         []bucket.Part
	big           []byte
}

func newScene(t *testing.T, place string, o bucket.Options, withUpload bool) *scene {
	t.Helper()
	ctx := context.Background()
	s := &scene{clean: open(t, place, o), proxy: objecttest.Faulty(t, o), oldBody: content(3, 70_000), big: content(4, 5<<20+1000)}
	through := s.proxy.Options()
	through.Patience = impatient
	s.faulty = open(t, place, through)
	s.old = put(t, s.clean, "dir/old", s.oldBody, map[string]string{"mode": "644"})
	put(t, s.clean, "dir/other", []byte("x"), nil)
	if !s.faulty.Conditional() {
		t.Fatal("the store is said not to honour conditions")
	}
	if !withUpload {
		return s
	}
	var err error
	if s.upload, err = s.clean.Begin(ctx, "big", nil); err != nil {
		t.Fatal(err)
	}
	for i, p := range [][]byte{s.big[:5<<20], s.big[5<<20:]} {
		part, err := s.clean.PutPart(ctx, "big", s.upload, i+1, p)
		if err != nil {
			t.Fatal(err)
		}
		s.parts = append(s.parts, part)
	}
	return s
}

// at is the content at a key by a client without faults, nil if there is none.
func (s *scene) at(t *testing.T, key string) []byte {
	t.Helper()
	o, err := s.clean.Head(context.Background(), key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return get(t, s.clean, key, 0, o.Size, o.ETag)
}

// deed is an operation. do returns its error; a nil one says that it did what it should. check
// looks at the store after a failure: nothing may be half.
type deed struct {
	op    string // of the proxy
	do    func(s *scene) error
	done  func(t *testing.T, s *scene) // after success
	sound func(t *testing.T, s *scene) // after failure
}

var fresh = content(5, 90_000)

func wantAt(key string, bodies ...[]byte) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		t.Helper()
		got := s.at(t, key)
		for _, b := range bodies {
			if bytes.Equal(got, b) && (got == nil) == (b == nil) {
				return
			}
		}
		t.Errorf("at %q stands what was never put there, %d bytes", key, len(got))
	}
}

func nothing(*testing.T, *scene) {}

// objectDeeds are those to single objects.
func objectDeeds() map[string]deed {
	ctx := context.Background()
	return map[string]deed{
		"head": {"head", func(s *scene) error {
			o, err := s.faulty.Head(ctx, "dir/old")
			if err == nil && (o.Size != s.old.Size || o.Meta["mode"] != "644") {
				return fmt.Errorf("wrong: %+v", o)
			}
			return err
		}, nothing, nothing},
		"get": {"get", func(s *scene) error { return read(s, 100, 60_000, s.old.ETag) }, nothing, nothing},
		"put": {"put", func(s *scene) error {
			_, err := s.faulty.Put(ctx, "dir/old", fresh, nil, bucket.Condition{})
			return err
		}, wantAt("dir/old", fresh), func(t *testing.T, s *scene) { wantAt("dir/old", fresh, s.oldBody)(t, s) }},
		"put absent": {"put", func(s *scene) error {
			_, err := s.faulty.Put(ctx, "dir/new", fresh, map[string]string{"mode": "600"}, bucket.Condition{Absent: true})
			return err
		}, wantAt("dir/new", fresh), wantAt("dir/new", fresh, nil)},
		"put match": {"put", func(s *scene) error {
			_, err := s.faulty.Put(ctx, "dir/old", fresh, nil, bucket.Condition{ETag: s.old.ETag})
			return err
		}, wantAt("dir/old", fresh), func(t *testing.T, s *scene) { wantAt("dir/old", fresh, s.oldBody)(t, s) }},
		"delete": {"delete", func(s *scene) error {
			return s.faulty.Delete(ctx, []string{"dir/old"})["dir/old"]
		}, wantAt("dir/old", nil), func(t *testing.T, s *scene) { wantAt("dir/old", nil, s.oldBody)(t, s) }},
		"deletes": {"deletes", func(s *scene) error {
			failed := s.faulty.Delete(ctx, []string{"dir/old", "dir/other"})
			return errors.Join(failed["dir/old"], failed["dir/other"])
		}, wantAt("dir/old", nil), func(t *testing.T, s *scene) { wantAt("dir/old", nil, s.oldBody)(t, s) }},
	}
}

// otherDeeds are those to lists and uploads.
func otherDeeds() map[string]deed {
	ctx := context.Background()
	return map[string]deed{
		"list": {"list", func(s *scene) error {
			n := 0
			for _, err := range s.faulty.List(ctx, "dir/", true) {
				if err != nil {
					return err
				}
				n++
			}
			if n != 2 {
				return fmt.Errorf("wrong: %d listed", n)
			}
			return nil
		}, nothing, nothing},
		"uploads": {"uploads", func(s *scene) error {
			for u, err := range s.faulty.Uploads(ctx, "") {
				if err != nil {
					return err
				}
				if u.ID == s.upload {
					return nil
				}
			}
			return errors.New("wrong: the upload is not listed")
		}, nothing, nothing},
		"begin": {"begin", func(s *scene) error { _, err := s.faulty.Begin(ctx, "big", nil); return err }, nothing, wantAt("big", nil)},
		"part": {"part", func(s *scene) error {
			p, err := s.faulty.PutPart(ctx, "big", s.upload, 2, fresh)
			if err == nil {
				s.parts[1] = p
			}
			return err
		}, func(t *testing.T, s *scene) {
			if _, err := s.clean.Complete(ctx, "big", s.upload, s.parts, bucket.Condition{}); err != nil {
				t.Fatal(err)
			}
			wantAt("big", append(bytes.Clone(s.big[:5<<20]), fresh...))(t, s)
		}, wantAt("big", nil)},
		"parts": {"parts", func(s *scene) error {
			parts, err := s.faulty.Parts(ctx, "big", s.upload)
			if err == nil && len(parts) != 2 {
				return fmt.Errorf("wrong: %+v", parts)
			}
			return err
		}, nothing, nothing},
		"complete":        complete(bucket.Condition{}),
		"complete absent": complete(bucket.Condition{Absent: true}),
		"abort": {"abort", func(s *scene) error { return s.faulty.Abort(ctx, "big", s.upload) }, func(t *testing.T, s *scene) {
			_, err := s.clean.Parts(ctx, "big", s.upload)
			wantKind(t, err, bucket.NotFound)
		}, wantAt("big", nil)},
	}
}

func complete(c bucket.Condition) deed {
	return deed{"complete", func(s *scene) error {
		o, err := s.faulty.Complete(context.Background(), "big", s.upload, s.parts, c)
		if err == nil && o.Size != int64(len(s.big)) {
			return fmt.Errorf("wrong: %+v", o)
		}
		return err
	}, func(t *testing.T, s *scene) { wantAt("big", s.big)(t, s) }, func(t *testing.T, s *scene) { wantAt("big", s.big, nil)(t, s) }}
}

// read reads a range of the old object, and compares it.
func read(s *scene, off, n int64, etag string) error {
	r, err := s.faulty.Get(context.Background(), "dir/old", off, n, etag)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if !bytes.HasPrefix(s.oldBody[off:], got) || err == nil && int64(len(got)) != n {
		return fmt.Errorf("wrong: %d bytes (%w)", len(got), err)
	}
	return err
}

// faults are the rules that each operation is tried under. kinds are those that a failure may
// have if the fault does not pass.
var faults = []struct {
	rule  objecttest.Rule
	kinds []bucket.Kind
}{
	{objecttest.Rule{Fault: objecttest.Refuse}, []bucket.Kind{bucket.Away}},
	{objecttest.Rule{Fault: objecttest.CutRequest, N: 1000}, []bucket.Kind{bucket.Away, bucket.Precondition, bucket.NotFound}},
	{objecttest.Rule{Fault: objecttest.LoseAnswer}, []bucket.Kind{bucket.Away, bucket.NotFound}},
	{objecttest.Rule{Fault: objecttest.CutAnswer, N: 50}, []bucket.Kind{bucket.Away, bucket.NotFound}},
	{objecttest.Rule{Fault: objecttest.Truncate, N: 60}, []bucket.Kind{bucket.Away, bucket.Mismatch, bucket.NotFound}},
	{objecttest.Rule{Fault: objecttest.Status, N: 500}, []bucket.Kind{bucket.Away}},
	{objecttest.Rule{Fault: objecttest.Status, N: 503}, []bucket.Kind{bucket.Throttled, bucket.Away}}, // a HEAD has no body that says which
	{objecttest.Rule{Fault: objecttest.StatusAfter, N: 500}, []bucket.Kind{bucket.Away, bucket.NotFound}},
	{objecttest.Rule{Fault: objecttest.Hold, Delay: 30 * time.Millisecond}, nil},
	{objecttest.Rule{Fault: objecttest.Spoil}, []bucket.Kind{bucket.Mismatch, bucket.Other, bucket.Away, bucket.Denied}},
	{objecttest.Rule{Fault: objecttest.LieETag}, []bucket.Kind{bucket.Mismatch, bucket.Precondition}},
	{objecttest.Rule{Fault: objecttest.LieSum}, []bucket.Kind{bucket.Mismatch}},
}

// Each operation, under each fault: it succeeds and is there rightly, or fails with an error
// that says what it is and leaves nothing half. A fault that comes once is got over.
func TestFaults(t *testing.T) {
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			place, o := start(t)
			// versitygw removes folders that are empty, also such as another writes to just now.
			above := open(t, place, o)
			put(t, above, "kept", nil, nil)
			deeds := objectDeeds()
			maps.Copy(deeds, otherDeeds())
			for what, d := range deeds {
				dir := strings.ReplaceAll(what, " ", "-")
				put(t, above, dir+"/kept", nil, nil)
				t.Run(what, func(t *testing.T) { underFaults(t, d, place+"/"+dir, o) })
			}
		})
	}
}

func underFaults(t *testing.T, d deed, place string, o bucket.Options) {
	slow := strings.Contains(t.Name(), "versity") // what comes before the store is the same for both
	withUpload := map[string]bool{"uploads": true, "part": true, "parts": true, "complete": true, "abort": true}[d.op]
	for i, f := range faults {
		for _, times := range []int{1, 0} {
			lasting := times == 0
			if lasting && (testing.Short() || slow && f.rule.Fault < objecttest.StatusAfter) {
				continue
			}
			t.Run(fmt.Sprintf("%v %d times %d", f.rule.Fault, f.rule.N, times), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, fmt.Sprintf("%s/%d-%d", place, i, times), o, withUpload)
				rule := f.rule
				rule.Op, rule.Times = d.op, times
				s.proxy.Set(rule)
				err := d.do(s)
				passes := times == 1 && rule.Fault < objecttest.LieETag
				if err == nil {
					d.done(t, s)
					return
				}
				if passes && rule.Fault != objecttest.Truncate && rule.Fault != objecttest.Spoil {
					t.Errorf("what passed was not got over: %v", err)
				}
				var e *bucket.Error
				if !errors.As(err, &e) {
					t.Fatalf("got %v, which has no kind", err)
				}
				for _, k := range f.kinds {
					if e.Kind == k {
						d.sound(t, s)
						return
					}
				}
				t.Errorf("got %v of kind %v", err, e.Kind)
			})
		}
	}
}
