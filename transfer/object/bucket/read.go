package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Object is what a store tells of an object.
type Object struct {
	Key      string // relative to the prefix
	Size     int64  // bytes
	ETag     string // without quotes
	Modified time.Time
	Meta     map[string]string // the user's metadata with keys in small letters; nil in listings
	// Headers say how the object is to be served, such as Content-Type, and its storage class.
	// Only Head tells them, and Copy keeps them.
	Headers map[string]string
}

// Head tells what stands at key. An absent one is NotFound.
func (b *Bucket) Head(ctx context.Context, key string) (Object, error) {
	full, err := b.full("head", key)
	if err != nil {
		return Object{}, err
	}
	var o Object
	err = b.retry.do(ctx, "head", key, func(ctx context.Context, a *attempt) error {
		var err error
		o, err = b.head(ctx, key, full)
		return err
	})
	return o, err
}

// head is one attempt.
func (b *Bucket) head(ctx context.Context, key, full string) (Object, error) {
	info, err := b.core.StatObject(ctx, b.name, full, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		return Object{}, err
	}
	return objectOf(key, info)
}

func objectOf(key string, info minio.ObjectInfo) (Object, error) {
	if info.Size < 0 {
		return Object{}, mismatched("the store tells no size")
	}
	meta := make(map[string]string, len(info.UserMetadata))
	for k, v := range info.UserMetadata {
		meta[strings.ToLower(k)] = v
	}
	o := Object{Key: key, Size: info.Size, ETag: info.ETag, Modified: info.LastModified, Meta: meta, Headers: make(map[string]string)}
	for _, name := range kept {
		if value := info.Metadata.Get(name); value != "" && !strings.ContainsFunc(value, notInValue) {
			o.Headers[name] = value
		}
	}
	if !info.Expires.IsZero() {
		o.Headers["Expires"] = info.Expires.UTC().Format(http.TimeFormat)
	}
	return o, nil
}

// kept are the headers of an object that a copy with other metadata would lose.
var kept = []string{
	"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control",
	"X-Amz-Storage-Class", "X-Amz-Website-Redirect-Location",
}

// Get reads n bytes from off on, or all from there if n is negative. Unless etag is empty, an
// object that has another one is Precondition. The reader goes on after a broken connection,
// at the same version of the object. It yields exactly what was asked for, or ends with an
// *Error that is never io.EOF; what all is, with n negative, the store says. Its Close must be
// called.
func (b *Bucket) Get(ctx context.Context, key string, off, n int64, etag string) (io.ReadCloser, error) {
	full, err := b.full("get", key)
	if err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, &Error{Kind: Other, Op: "get", Key: key, Err: errors.New("a range starts at zero or later")}
	}
	if n == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	r := &reader{b: b, ctx: ctx, key: key, full: full, off: off, left: n, etag: etag, from: off}
	r.setbacks = setbacks{retrier: &b.retry, patience: b.retry.patience}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// Fetch reads a small object, and tells what it is, in one request. Size is how large it was.
// One that is larger by now is not read: data is nil. Unless etag is empty, an object that has
// another one is Precondition.
func (b *Bucket) Fetch(ctx context.Context, key string, size int64, etag string) (o Object, data []byte, err error) {
	full, err := b.full("get", key)
	if err != nil {
		return o, nil, err
	}
	err = b.retry.do(ctx, "get", key, func(ctx context.Context, a *attempt) error {
		o, data, err = b.fetch(ctx, a, key, full, size, etag)
		return err
	})
	return o, data, err
}

// fetch is one attempt.
func (b *Bucket) fetch(ctx context.Context, a *attempt, key, full string, size int64, etag string) (o Object, data []byte, err error) {
	a.object = true
	var get minio.GetObjectOptions
	if etag != "" {
		if err := get.SetMatchETag(etag); err != nil {
			return o, nil, err
		}
	}
	body, info, _, err := b.core.GetObject(ctx, b.name, full, get)
	if err != nil {
		return o, nil, err
	}
	defer body.Close() // what matters of it is the error of Read
	if etag != "" && info.ETag != etag {
		return o, nil, &Error{Kind: Precondition, Op: "get", Key: key, Err: errors.New("the object in the store changed")}
	}
	if o, err = objectOf(key, info); err != nil || o.Size > size {
		return o, nil, err
	}
	data = make([]byte, o.Size)
	if _, err = io.ReadFull(body, data); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return o, data, err
}

// reader is the body of a Get. It belongs to one goroutine.
type reader struct {
	b         *Bucket
	ctx       context.Context
	key, full string
	off, left int64 // what is still to come; left is negative until the size is known
	etag      string
	body      io.ReadCloser // nil: to be opened
	x         *exchange     // of body
	err       error         // for good
	setbacks  setbacks      // since from
	from      int64         // where the last body began, or broke
}

// open asks for what is left, and tries again.
func (r *reader) open() error {
	return r.b.retry.do(r.ctx, "get", r.key, func(ctx context.Context, a *attempt) error { return r.ask(ctx, a) })
}

func (r *reader) ask(ctx context.Context, a *attempt) error {
	a.object = true
	var o minio.GetObjectOptions
	ranged := r.off > 0 || r.left >= 0
	switch {
	case r.left >= 0:
		o.Set("Range", fmt.Sprintf("bytes=%d-%d", r.off, r.off+r.left-1))
	case r.off > 0:
		o.Set("Range", fmt.Sprintf("bytes=%d-", r.off))
	}
	if r.etag != "" {
		if err := o.SetMatchETag(r.etag); err != nil {
			return err
		}
	}
	body, info, _, err := r.b.core.GetObject(ctx, r.b.name, r.full, o)
	if err != nil {
		return err
	}
	if err := r.check(ranged, info, a); err != nil {
		// Not drained: it may be a whole object that was not asked for.
		_ = body.Close()
		return err
	}
	if r.left < 0 {
		r.left = info.Size
	}
	r.etag = info.ETag
	r.body, r.x = body, a.exchange
	return nil
}

// check compares the head of an answer with the question.
func (r *reader) check(ranged bool, info minio.ObjectInfo, a *attempt) error {
	if r.etag != "" && info.ETag != r.etag {
		return &Error{Kind: Precondition, Op: "get", Key: r.key, Err: errors.New("the object in the store changed")}
	}
	if ranged && a.status != http.StatusPartialContent && (r.off > 0 || info.Size != r.left) {
		return mismatched("the store sends the whole object where a part was asked for")
	}
	if from, ok := strings.CutPrefix(a.header.Get("Content-Range"), "bytes "); ranged && ok && !strings.HasPrefix(from, fmt.Sprintf("%d-", r.off)) {
		return mismatched("the store sends another part of the object than was asked for")
	}
	if r.left >= 0 && info.Size >= 0 && info.Size != r.left {
		return mismatched("the store sends %d bytes where %d were asked for", info.Size, r.left)
	}
	if r.left < 0 && info.Size < 0 {
		return mismatched("the store does not say how much it sends")
	}
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		switch {
		case r.err != nil:
			return 0, r.err
		case r.left == 0:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		if int64(len(p)) > r.left {
			p = p[:r.left]
		}
		if r.body == nil {
			if r.err = r.open(); r.err != nil {
				return 0, r.err
			}
		}
		n, err := r.body.Read(p)
		r.off += int64(n)
		r.left -= int64(n)
		if err != nil && r.left > 0 {
			r.broke(err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// enough is how much is progress, in bytes: a connection that breaks after less, each time,
// does not carry an object for ever.
const enough = 64 << 10

// broke is for a body that ended before its time: the rest is asked for anew.
func (r *reader) broke(err error) {
	x := r.x
	_ = r.body.Close()
	r.body = nil
	if r.ctx.Err() != nil {
		r.err = &Error{Kind: Other, Op: "get", Key: r.key, Err: context.Cause(r.ctx)}
		return
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	_, told, _ := r.b.retry.classify(err, x)
	failure := &Error{Kind: Away, Op: "get", Key: r.key, Err: told}
	if r.etag == "" {
		// Nothing says that what comes next is of the same version.
		r.err = failure
		return
	}
	if r.off-r.from >= enough {
		r.setbacks.progress()
	}
	r.from = r.off
	r.err = r.setbacks.wait(r.ctx, failure)
}

// Close ends the reading. What was not read is not waited for.
func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	if r.err == nil {
		r.err = &Error{Kind: Other, Op: "get", Key: r.key, Err: errors.New("read after it was closed")}
	}
	return body.Close()
}
