package object

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// intoStore has a copy land in a store.
func intoStore(t *testing.T, o bucket.Options, place string) func(*local.Options) {
	t.Helper()
	b, err := bucket.Open(t.Context(), place, o)
	deliverytest.Must(t, err)
	d, err := NewDestination(t.Context(), b, Options{})
	deliverytest.Must(t, err)
	r, err := NewRehearsal(t.Context(), b, Options{})
	deliverytest.Must(t, err)
	t.Cleanup(func() {
		deliverytest.Must(t, errors.Join(d.Close(), r.Close()))
		b.Close()
	})
	return func(c *local.Options) {
		c.Receive.Destination = d
		c.Receive.Rehearse = func() (storage.Destination, error) { return r, nil }
	}
}

// keysOf are all keys at a place, but ferry's own.
func keysOf(t *testing.T, o bucket.Options, place string) (keys []string) {
	t.Helper()
	b, err := bucket.Open(t.Context(), place, o)
	deliverytest.Must(t, err)
	defer b.Close()
	for l, err := range b.List(t.Context(), "", true) {
		deliverytest.Must(t, err)
		if !isStateKey(l.Key) {
			keys = append(keys, l.Key)
		}
	}
	return keys
}

// From a folder, and from another place of a store, a copy to a store deletes what the source
// has not, and no more than that.
func TestDeleteInAStore(t *testing.T) {
	for _, far := range []string{"", "sender", "receiver"} {
		t.Run(far, func(t *testing.T) {
			if far != "" {
				deliverytest.Far(t, far)
			}
			_, o := objecttest.Fake(t)
			_, files := laid(t, o)
			src := t.TempDir()
			deliverytest.Must(t, os.Mkdir(filepath.Join(src, "empty"), 0o755))
			for path, data := range files {
				deliverytest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(src, path)), 0o755))
				deliverytest.Must(t, os.WriteFile(filepath.Join(src, path), data, 0o644))
			}
			place := "s3://" + objecttest.Name + "/copy"
			want := append(slices.Sorted(maps.Keys(files)), "empty/", "keep.log", "old/d/y.log", "x//unclean")
			slices.Sort(want)
			deleted := []string{"d/extra", "gone", "gone/a", "gone/b", "gone/b/c", "gone/empty", "old/x", "z"}
			for name, from := range map[string][]send.Source{"folder": deliverytest.Contents(src), "store": fromStore(t, "s3://"+objecttest.Name+"/top/", o)} {
				putObjects(t, o, nil, "copy/z", "copy/d/extra", "copy/gone/a", "copy/gone/b/c", "copy/gone/empty/", "copy/old/x", "copy/old/d/y.log", "copy/keep.log", "copy/x//unclean")
				ruled := func(c *local.Options) {
					intoStore(t, o, place)(c)
					c.Send.Select.Rules = tree.RulesOf(rulesFor(t, "*.log"))
				}
				_, got, _, err := deliverytest.Mirror(t, "", from, func(c *local.Options) { ruled(c); c.Delete.Max = int64(len(deleted)) - 1 })
				if !errors.Is(err, local.ErrTooManyDeletions) || got != nil {
					t.Errorf("%s: %v, deleted %q", name, err, got)
				}
				if far == "" {
					_, got, r, err := deliverytest.Mirror(t, "", from, func(c *local.Options) { ruled(c); c.Send.DryRun, c.Receive.Destination = true, nil })
					if err != nil || !slices.Equal(got, deleted) {
						t.Errorf("%s: %v, would delete %q: %+v", name, err, got, r)
					}
				}
				_, got, r, err := deliverytest.Mirror(t, "", from, ruled)
				if err != nil || !slices.Equal(got, deleted) {
					t.Errorf("%s: %v, deleted %q, want %q: %+v", name, err, got, deleted, r)
				}
				if keys := keysOf(t, o, place); !slices.Equal(keys, want) {
					t.Errorf("%s: it has %q, want %q", name, keys, want)
				}
			}
			// Of nothing nothing is deleted.
			_, got, _, err := deliverytest.Mirror(t, "", deliverytest.Contents(t.TempDir()), intoStore(t, o, place))
			if !errors.Is(err, local.ErrEmptySource) || got != nil {
				t.Errorf("%v, deleted %q", err, got)
			}
		})
	}
}

// What the store does not let go stays, with the folder that it is in, and is told.
func TestDeleteThatAStoreDenies(t *testing.T) {
	_, next := objecttest.Fake(t)
	proxy := objecttest.Faulty(t, next)
	putObjects(t, next, nil, "copy/old/x", "copy/y", "top/a")
	o := proxy.Options()
	_, _, _, err := deliverytest.Mirror(t, "", fromStore(t, "s3://"+objecttest.Name+"/top/", o), func(c *local.Options) {
		intoStore(t, o, "s3://"+objecttest.Name+"/copy")(c)
		c.Delete = nil
	})
	deliverytest.Must(t, err)
	proxy.Set(objecttest.Rule{Op: "deletes", Fault: objecttest.Status, N: 403, Code: "AccessDenied"}, objecttest.Rule{Op: "delete", Fault: objecttest.Status, N: 403, Code: "AccessDenied"})
	saw, got, r, err := deliverytest.Mirror(t, "", fromStore(t, "s3://"+objecttest.Name+"/top/", o), intoStore(t, o, "s3://"+objecttest.Name+"/copy"))
	if own := new(transfer.NotDeletedError); !errors.As(err, &own) || got != nil || r.Failed < 2 {
		t.Errorf("%v, deleted %q: %+v", err, got, r)
	}
	for _, f := range deliverytest.Find[transfer.ItemFailed](saw) {
		if f.Err.Code != framing.CodePermission {
			t.Errorf("%s: %v", f.Path, f.Err)
		}
	}
	if keys := keysOf(t, next, "s3://"+objecttest.Name+"/copy"); !slices.Equal(keys, []string{"a", "old/x", "y"}) {
		t.Errorf("it has %q", keys)
	}
}
