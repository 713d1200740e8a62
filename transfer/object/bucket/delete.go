package bucket

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// most is how many keys one request deletes.
const most = 1000

// deletion is one call of Delete.
type deletion struct {
	*Bucket
	left   map[string]bool  // of the batch
	failed map[string]error // of all batches
}

// run removes a batch.
func (d *deletion) run(ctx context.Context, keys []string) {
	d.left = make(map[string]bool, len(keys))
	for _, key := range keys {
		d.left[key] = true
	}
	err := d.retry.do(ctx, "delete", "", func(ctx context.Context, a *attempt) error {
		if len(d.left) == 0 {
			return nil
		}
		if len(d.left) == 1 {
			return d.each(ctx)
		}
		return d.many(ctx, a)
	})
	if err == nil {
		return
	}
	for key := range d.left {
		var e *Error
		if errors.As(err, &e) {
			d.failed[key] = &Error{Kind: e.Kind, Op: "delete", Key: key, Err: e.Err}
		}
	}
}

// each is for one key, and for a store that knows no request for many.
func (d *deletion) each(ctx context.Context) error {
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(d.left))) {
		err := d.core.RemoveObject(ctx, d.name, d.prefix+key, minio.RemoveObjectOptions{})
		if err != nil && codeOf(err) != "NoSuchKey" {
			return err
		}
		delete(d.left, key)
	}
	return nil
}

// many takes from left what is gone, and what the store will not remove.
func (d *deletion) many(ctx context.Context, a *attempt) error {
	results, err := d.core.RemoveObjectsWithIter(ctx, d.name, d.objects(), minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	var again error
	for r := range results {
		key := r.ObjectName[min(len(d.prefix), len(r.ObjectName)):]
		switch {
		case a.status >= http.StatusMultipleChoices || a.status == 0 || r.ObjectName == "" && r.Err != nil:
			err = r.Err // of the whole request
		case !d.left[key]:
		case r.Err == nil || codeOf(r.Err) == "NoSuchKey":
			delete(d.left, key)
		default:
			kind, told, passes := d.retry.classify(r.Err, &exchange{status: http.StatusBadRequest})
			if codeOf(r.Err) == "AccessDenied" {
				kind = Denied
			}
			if passes {
				again = r.Err
				continue
			}
			d.failed[key] = &Error{Kind: kind, Op: "delete", Key: key, Err: told}
			delete(d.left, key)
		}
	}
	switch code := codeOf(err); {
	case code == "NotImplemented" || code == "MethodNotAllowed":
		return d.each(ctx)
	case err != nil:
		return err
	case again != nil:
		return again
	case ctx.Err() != nil:
		return ctx.Err()
	case len(d.left) > 0:
		return errors.New("the store did not say what became of a key")
	}
	return nil
}

// objects are the keys of left with their prefix, as the library takes them. A mark of a folder
// comes behind what is in the folder: stores that have real folders remove no full one.
func (d *deletion) objects() iter.Seq[minio.ObjectInfo] {
	keys := make([]string, 0, len(d.left))
	for key := range d.left {
		keys = append(keys, d.prefix+key)
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(b, a) })
	return func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: key}) {
				return
			}
		}
	}
}
