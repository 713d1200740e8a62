package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Listed is an object or, in a list that is not deep, a folder: a key that ends in a slash,
// before keys that are below it. An object whose key ends in a slash is no Folder.
type Listed struct {
	Object
	Folder bool
}

// Upload is an upload that was begun and neither completed nor aborted.
type Upload struct {
	Key   string
	ID    string
	Begun time.Time
}

// pageSize is how many keys a page of a list has at most.
const pageSize = 1000

// maxEmpty is how many pages without a key may follow each other, before others. A store may
// pass over what was removed, and that for ever if it is a stranger.
const maxEmpty = 1000

// List yields what is below prefix, in the order of the keys' bytes: all keys if deep, or else
// those without a further slash, and the folders of others. The object that is the prefix of
// the Bucket itself is left out. An error is the last that is yielded.
func (b *Bucket) List(ctx context.Context, prefix string, deep bool) iter.Seq2[Listed, error] {
	delimiter := "/"
	if deep {
		delimiter = ""
	}
	return func(yield func(Listed, error) bool) {
		fail := func(err error) { yield(Listed{}, wrap("list", prefix, err)) }
		if len(b.prefix)+len(prefix) > maxKey {
			fail(errors.New("the prefix is too long"))
			return
		}
		token, last, empty := "", "", 0
		for {
			page, err := b.page(ctx, prefix, token, delimiter)
			if err != nil {
				fail(err)
				return
			}
			listed, err := b.listed(page, prefix, &last)
			if err != nil {
				fail(err)
				return
			}
			for _, l := range listed {
				if !yield(l, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			if empty++; len(listed) > 0 {
				empty = 0
			}
			if page.NextContinuationToken == token || empty > maxEmpty {
				fail(mismatched("a list of the store does not move on"))
				return
			}
			token = page.NextContinuationToken
		}
	}
}

var errUnreadable = errors.New("the answer is another than S3's")

// readable takes an answer that names no bucket for one that is none: what stands before a
// store may answer with a page of its own, in which the library finds an empty list.
func readable(err error, bucket string) error {
	if err == nil && bucket == "" {
		return errUnreadable
	}
	return err
}

// wrap makes err an *Error, unless it is one.
func wrap(op, key string, err error) error {
	var own *Error
	var wrong *mismatch
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &wrong):
		return &Error{Kind: Mismatch, Op: op, Key: key, Err: wrong}
	}
	return &Error{Kind: Other, Op: op, Key: key, Err: err}
}

func (b *Bucket) page(ctx context.Context, prefix, token, delimiter string) (page minio.ListBucketV2Result, err error) {
	err = b.retry.do(ctx, "list", prefix, func(ctx context.Context, a *attempt) error {
		core, err := b.clientOf(ctx)
		if err != nil {
			return err
		}
		page, err = core.ListObjectsV2(b.name, b.prefix+prefix, "", token, delimiter, pageSize)
		return readable(err, page.Name)
	})
	return page, err
}

// listed checks what a stranger listed, and brings objects and folders into one order. last is
// the last key before, and is moved on.
func (b *Bucket) listed(page minio.ListBucketV2Result, prefix string, last *string) ([]Listed, error) {
	if n := len(page.Contents) + len(page.CommonPrefixes); n > pageSize {
		return nil, mismatched("a page of a list has %d keys where at most %d were asked for", n, pageSize)
	}
	all := make([]Listed, 0, len(page.Contents)+len(page.CommonPrefixes))
	for _, o := range page.Contents {
		if o.Size < 0 {
			return nil, mismatched("the store tells a negative size of %q", plain(o.Key))
		}
		all = append(all, Listed{Object: Object{Key: o.Key, Size: o.Size, ETag: strings.Trim(o.ETag, `"`), Modified: o.LastModified}})
	}
	for _, p := range page.CommonPrefixes {
		if !strings.HasSuffix(p.Prefix, "/") {
			return nil, mismatched("the store lists a folder %q without a slash", plain(p.Prefix))
		}
		all = append(all, Listed{Object: Object{Key: p.Prefix}, Folder: true})
	}
	slices.SortFunc(all, func(x, y Listed) int { return cmp.Compare(x.Key, y.Key) })
	kept := all[:0]
	for _, l := range all {
		key, ok := strings.CutPrefix(l.Key, b.prefix)
		switch {
		case len(l.Key) > maxKey:
			return nil, mismatched("the store lists a key of %d bytes", len(l.Key))
		case !ok || !strings.HasPrefix(key, prefix):
			return nil, mismatched("the store lists %q, which is not below what was asked for", plain(l.Key))
		case l.Key == *last && (l.Folder || slices.ContainsFunc(page.CommonPrefixes, func(p minio.CommonPrefix) bool { return p.Prefix == l.Key })):
			// Some stores list the object that marks a folder beside the folder.
			if len(kept) > 0 {
				kept[len(kept)-1] = Listed{Object: Object{Key: key}, Folder: true}
			}
			continue
		case *last != "" && l.Key <= *last:
			return nil, mismatched("the store lists %q after %q", plain(l.Key), plain(*last))
		}
		*last = l.Key
		if key == "" {
			continue
		}
		l.Key = key
		kept = append(kept, l)
	}
	return kept, nil
}

// Uploads yields the uploads under way whose keys begin with prefix. An error is the last that
// is yielded.
func (b *Bucket) Uploads(ctx context.Context, prefix string) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		var key, id string
		empty := 0
		for {
			var page minio.ListMultipartUploadsResult
			err := b.retry.do(ctx, "uploads", prefix, func(ctx context.Context, a *attempt) error {
				var err error
				page, err = b.core.ListMultipartUploads(ctx, b.name, b.prefix+prefix, key, id, "", pageSize)
				return readable(err, page.Bucket)
			})
			if err == nil && len(page.Uploads) > pageSize {
				err = wrap("uploads", prefix, mismatched("a page of uploads has %d where at most %d were asked for", len(page.Uploads), pageSize))
			}
			if err != nil {
				yield(Upload{}, err)
				return
			}
			empty++
			for _, u := range page.Uploads {
				rel, ok := strings.CutPrefix(u.Key, b.prefix)
				if !ok || !strings.HasPrefix(rel, prefix) || len(u.Key) > maxKey || len(u.UploadID) > maxUpload {
					// Some stores list uploads beside the prefix too.
					continue
				}
				empty = 0
				if !yield(Upload{Key: rel, ID: u.UploadID, Begun: u.Initiated}, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			if page.NextKeyMarker == key && page.NextUploadIDMarker == id || page.NextKeyMarker < key || empty > maxEmpty {
				yield(Upload{}, wrap("uploads", prefix, mismatched("a list of the store does not move on")))
				return
			}
			key, id = page.NextKeyMarker, page.NextUploadIDMarker
		}
	}
}

// checkUpload is for the id of an upload, which the store made up.
func checkUpload(id string) error {
	if id == "" || len(id) > maxUpload {
		return fmt.Errorf("the id of an upload has 1 to %d bytes", maxUpload)
	}
	return nil
}

// maxUpload is how long the id of an upload may be, in bytes.
const maxUpload = 2048
