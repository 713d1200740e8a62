package bucket_test

import (
	"context"
	"testing"
	"time"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// behind opens a store directly and through a proxy.
func behind(t *testing.T, start func(testing.TB) (string, bucket.Options)) (clean, faulty *bucket.Bucket, p *objecttest.Proxy) {
	t.Helper()
	place, o := start(t)
	p = objecttest.Faulty(t, o)
	clean, faulty = open(t, place, o), open(t, place, p.Options())
	if !faulty.Conditional() {
		t.Fatal("the store is said not to honour conditions")
	}
	return clean, faulty, p
}

// A conditional write whose answer was lost is success if what stands there is what was sent,
// and Precondition if it is another's.
func TestLostAnswers(t *testing.T) {
	ctx := context.Background()
	ours, theirs := content(6, 5000), content(7, 5000)
	lost := objecttest.Rule{Op: "put", Times: 1, Fault: objecttest.LoseAnswer}
	failed := objecttest.Rule{Op: "put", Times: 1, Fault: objecttest.Status, N: 500} // nothing was written
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			clean, faulty, p := behind(t, start)
			p.Set(lost)
			o, err := faulty.Put(ctx, "a", ours, map[string]string{"mode": "600"}, bucket.Condition{Absent: true})
			if err != nil {
				t.Fatal(err)
			}
			p.Set(lost)
			if o, err = faulty.Put(ctx, "a", theirs, nil, bucket.Condition{ETag: o.ETag}); err != nil {
				t.Fatal(err)
			}
			if head, err := clean.Head(ctx, "a"); err != nil || head.ETag != o.ETag {
				t.Errorf("the ETag is %s, and %+v stands there, %v", o.ETag, head, err)
			}
			for what, meta := range map[string]map[string]string{"other content": nil, "other metadata": {"mode": "644"}} {
				body := theirs
				if what == "other metadata" {
					body = ours
				}
				put(t, clean, what, body, map[string]string{"mode": "600"})
				p.Set(failed)
				_, err = faulty.Put(ctx, what, ours, meta, bucket.Condition{Absent: true})
				wantKind(t, err, bucket.Precondition)
			}
		})
	}
}

// Two that complete at the same key do not both succeed, and the one whose answer was lost does.
func TestLostCompletion(t *testing.T) {
	ctx := context.Background()
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			clean, faulty, p := behind(t, start)
			begin := func(b *bucket.Bucket, body []byte) (string, []bucket.Part) {
				upload, err := b.Begin(ctx, "k", nil)
				if err != nil {
					t.Fatal(err)
				}
				part, err := b.PutPart(ctx, "k", upload, 1, body)
				if err != nil {
					t.Fatal(err)
				}
				return upload, []bucket.Part{part}
			}
			first, firstParts := begin(faulty, content(8, 4000))
			second, secondParts := begin(clean, content(9, 4000))
			p.Set(objecttest.Rule{Op: "complete", Times: 1, Fault: objecttest.LoseAnswer})
			o, err := faulty.Complete(ctx, "k", first, firstParts, bucket.Condition{Absent: true})
			if err != nil {
				t.Fatal(err)
			}
			_, err = clean.Complete(ctx, "k", second, secondParts, bucket.Condition{Absent: true})
			wantKind(t, err, bucket.Precondition)
			p.Set(objecttest.Rule{Op: "complete", Times: 1, Fault: objecttest.Status, N: 500})
			if _, err = faulty.Complete(ctx, "k", first, firstParts, bucket.Condition{}); err != nil {
				t.Errorf("what stands there is what is completed: %v", err)
			}
			if o2, err := clean.Complete(ctx, "k", second, secondParts, bucket.Condition{ETag: o.ETag}); err != nil || o2.ETag == o.ETag {
				t.Errorf("%+v replaced %+v: %v", o2, o, err)
			}
			p.Set(objecttest.Rule{Op: "complete", Times: 1, Fault: objecttest.Status, N: 500})
			_, err = faulty.Complete(ctx, "k", first, firstParts, bucket.Condition{})
			// A real server says of an upload that it completed once that it is complete, also
			// when another object stands there since.
			wantKind(t, err, bucket.NotFound, bucket.Mismatch)
			// A part that is another's fails the completion.
			third, thirdParts := begin(clean, content(8, 4000))
			if _, err := clean.PutPart(ctx, "k", third, 1, content(9, 4000)); err != nil {
				t.Fatal(err)
			}
			_, err = clean.Complete(ctx, "k", third, thirdParts, bucket.Condition{})
			wantKind(t, err, bucket.Mismatch)
		})
	}
}

// A store that is killed and comes back is waited for, and whoever asks is told.
func TestStoreComesBack(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	server := objecttest.StartVersity(t, folder, "")
	told := make(chan error, 100)
	o := objecttest.Options(server.URL)
	o.Waiting = func(err error, since time.Duration) {
		select {
		case told <- err:
		default:
		}
	}
	b := open(t, objecttest.Place, o)
	put(t, b, "before", []byte("x"), nil)
	server.Kill()
	done := make(chan error, 1)
	go func() {
		_, err := b.Put(ctx, "after", []byte("y"), nil, bucket.Condition{})
		done <- err
	}()
	wantKind(t, <-told, bucket.Away)
	objecttest.StartVersity(t, folder, server.Address())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"before", "after"} {
		if _, err := b.Head(ctx, key); err != nil {
			t.Error(err)
		}
	}
}

// Many at once, with faults by chance, lose nothing.
func TestRandomFaults(t *testing.T) {
	const files = 40
	seed := uint64(time.Now().UnixNano())
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			clean, faulty, p := behind(t, start)
			p.Random(seed, 4, objecttest.Rule{Fault: objecttest.Refuse}, objecttest.Rule{Fault: objecttest.LoseAnswer},
				objecttest.Rule{Fault: objecttest.CutRequest, N: 100}, objecttest.Rule{Fault: objecttest.Status, N: 503},
				objecttest.Rule{Fault: objecttest.StatusAfter, N: 500}, objecttest.Rule{Fault: objecttest.Hold, Delay: 5 * time.Millisecond})
			ended := make(chan error, files)
			for i := range files {
				go func() {
					_, err := faulty.Put(context.Background(), string(rune('A'+i)), content(byte(i), 3000), nil, bucket.Condition{Absent: true})
					ended <- err
				}()
			}
			for range files {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			for i := range files {
				key := string(rune('A' + i))
				if got := get(t, clean, key, 0, 3000, ""); string(got) != string(content(byte(i), 3000)) {
					t.Errorf("at %q stands another content", key)
				}
			}
		})
	}
}

// A trial that fails half-way leaves nothing.
func TestTrialLeavesNothing(t *testing.T) {
	place, o := objecttest.Fake(t)
	p := objecttest.Faulty(t, o)
	p.Set(objecttest.Rule{Op: "put", Skip: 1, Fault: objecttest.Status, N: 403})
	if !open(t, place, p.Options()).Conditional() {
		t.Error("a store that cannot be asked is told to heed no conditions")
	}
	for x, err := range open(t, place, o).List(t.Context(), "", true) {
		t.Errorf("left is %q, %v", x.Key, err)
	}
}
