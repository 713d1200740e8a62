package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Condition is what has to hold for a write; the zero Condition is none.
type Condition struct {
	Absent bool   // nothing stands at the key
	ETag   string // what stands there has this ETag
}

func (c Condition) none() bool { return !c.Absent && c.ETag == "" }

func (c Condition) set(o *minio.PutObjectOptions) {
	if c.Absent {
		o.SetMatchETagExcept("*")
	}
	if c.ETag != "" {
		o.SetMatchETag(c.ETag)
	}
}

// Put writes body to key at once. It is not changed while the call lasts. Modified of the
// Object that is returned is by the store's clock, and zero if it told none.
func (b *Bucket) Put(ctx context.Context, key string, body []byte, meta map[string]string, c Condition) (Object, error) {
	full, err := b.full("put", key)
	if err != nil {
		return Object{}, err
	}
	headers, err := metaHeaders(meta)
	if err != nil {
		return Object{}, &Error{Kind: Other, Op: "put", Key: key, Err: err}
	}
	if err := b.before(ctx, "put", key, full, c); err != nil {
		return Object{}, err
	}
	s := sumsOf(body, b.options.Secure)
	var o Object
	err = b.retry.do(ctx, "put", key, func(ctx context.Context, a *attempt) error {
		var err error
		o, err = b.put(ctx, a, full, body, s, headers, c)
		if isPrecondition(err, c) && a.again {
			o, err = b.standing(ctx, full, body, s, meta, err)
		}
		if isPrecondition(err, c) {
			return unexpected(err)
		}
		return err
	})
	if err != nil {
		return Object{}, err
	}
	o.Key, o.Meta = key, meta
	return o, nil
}

// put is one attempt.
func (b *Bucket) put(ctx context.Context, a *attempt, full string, body []byte, s sums, headers map[string]string, c Condition) (Object, error) {
	info, err := b.summed(s, headers, func(headers map[string]string) (minio.UploadInfo, error) {
		o := minio.PutObjectOptions{UserMetadata: headers, DisableContentSha256: true}
		c.set(&o)
		return b.core.PutObject(ctx, b.name, full, bytes.NewReader(body), s.size, s.contentMD5(), s.sha256, o)
	})
	if err != nil {
		return Object{}, err
	}
	proven, err := s.check(info.ETag, a.header)
	if err != nil {
		return Object{}, err
	}
	o := Object{Size: s.size, ETag: info.ETag}
	if at, err := http.ParseTime(a.header.Get("Date")); err == nil {
		o.Modified = at
	}
	if proven && o.ETag != "" {
		return o, nil
	}
	// Nothing that was told can be compared: then at least the size.
	stands, err := b.head(ctx, "", full)
	if err != nil {
		return Object{}, err
	}
	if stands.Size != s.size {
		return Object{}, mismatched("the store tells %d bytes, and %d were sent", stands.Size, s.size)
	}
	return stands, nil
}

// summed does a write with the CRC64NVME of its body, and without it if the store takes none.
func (b *Bucket) summed(s sums, headers map[string]string, write func(map[string]string) (minio.UploadInfo, error)) (minio.UploadInfo, error) {
	if b.noSums.Load() {
		return write(headers)
	}
	with := map[string]string{headSum: s.crc}
	for k, v := range headers {
		with[k] = v
	}
	info, err := write(with)
	if !refusesSums(err) {
		return info, err
	}
	info, second := write(headers)
	if second != nil {
		return info, err
	}
	b.noSums.Store(true)
	return info, nil
}

// refusesSums reports whether a store may have meant the checksum's header.
func refusesSums(err error) bool {
	switch codeOf(err) {
	case "InvalidRequest", "InvalidArgument", "NotImplemented", "UnsupportedHeader":
		return true
	}
	return false
}

func codeOf(err error) string { return minio.ToErrorResponse(err).Code }

// isPrecondition reports whether err is the answer to a condition that does not hold. Some
// stores say NoSuchKey of an ETag where nothing stands.
func isPrecondition(err error, c Condition) bool {
	if c.none() || err == nil {
		return false
	}
	resp := minio.ToErrorResponse(err)
	return resp.Code == "PreconditionFailed" || resp.StatusCode == http.StatusPreconditionFailed || c.ETag != "" && resp.Code == "NoSuchKey"
}

// standing looks whether an earlier attempt of a Put succeeded: whether what stands at the key
// is what was sent. If not, refusal is what the store said.
func (b *Bucket) standing(ctx context.Context, full string, body []byte, s sums, meta map[string]string, refusal error) (Object, error) {
	o, err := b.head(ctx, "", full)
	if codeOf(err) == "NoSuchKey" {
		return Object{}, refusal
	}
	if err != nil {
		return Object{}, err
	}
	if o.Size != s.size || !sameMeta(o.Meta, meta) {
		return Object{}, refusal
	}
	// The content itself is the only proof that needs no trust in the form of an ETag.
	var get minio.GetObjectOptions
	if err := get.SetMatchETag(o.ETag); err != nil {
		return Object{}, refusal
	}
	got, _, _, err := b.core.GetObject(ctx, b.name, full, get)
	if err != nil {
		return Object{}, err
	}
	defer got.Close()
	same, err := sameBytes(got, body)
	if err != nil {
		return Object{}, err
	}
	if !same {
		return Object{}, refusal
	}
	return o, nil
}

// sameBytes compares what r yields with body, in small pieces.
func sameBytes(r io.Reader, body []byte) (bool, error) {
	p := make([]byte, 32<<10)
	for {
		n, err := r.Read(p)
		if n > len(body) || !bytes.Equal(p[:n], body[:n]) {
			return false, nil
		}
		body = body[n:]
		if err == io.EOF {
			return len(body) == 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func sameMeta(got, want map[string]string) bool {
	for k, v := range want {
		if got[k] != v {
			return false
		}
	}
	return true
}

// maxMeta is how many bytes of metadata S3 takes for an object.
const maxMeta = 2048

func metaHeaders(meta map[string]string) (map[string]string, error) {
	headers := make(map[string]string, len(meta)+1)
	size := 0
	for k, v := range meta {
		size += len(k) + len(v)
		if strings.ContainsFunc(k, notInName) || k == "" || strings.ContainsFunc(v, notInValue) || strings.TrimSpace(v) != v {
			return nil, errors.New("metadata of an object is printable ASCII, and its names are small letters, digits and dashes")
		}
		headers[metaPrefix+k] = v
	}
	if size > maxMeta {
		return nil, errors.New("metadata of an object has at most 2048 bytes")
	}
	return headers, nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

func notInValue(r rune) bool { return r < ' ' || r > '~' }

// before asks first, where a store does not honour conditions.
func (b *Bucket) before(ctx context.Context, op, key, full string, c Condition) error {
	if c.none() {
		return nil
	}
	honoured, err := b.honours(ctx)
	if err != nil || honoured {
		return err
	}
	return b.look(ctx, op, key, full, c)
}

// look says whether a condition holds at this moment.
func (b *Bucket) look(ctx context.Context, op, key, full string, c Condition) error {
	return b.retry.do(ctx, op, key, func(ctx context.Context, a *attempt) error {
		o, err := b.head(ctx, key, full)
		absent := codeOf(err) == "NoSuchKey"
		if err != nil && !absent {
			return err
		}
		if c.Absent && !absent || c.ETag != "" && (absent || o.ETag != c.ETag) {
			return unexpected(err)
		}
		return nil
	})
}

// unexpected is for a condition that does not hold.
func unexpected(cause error) error {
	return &Error{Kind: Precondition, Err: say(cause, "the object in the store is another than expected")}
}

// most is how many keys one request deletes.
const most = 1000

// Delete removes objects. It returns the keys that it could not remove, each with an *Error,
// and nil if there is none. A key that is absent is no failure.
func (b *Bucket) Delete(ctx context.Context, keys []string) map[string]error {
	failed := make(map[string]error)
	var batch []string
	for _, key := range keys {
		if _, err := b.full("delete", key); err != nil {
			failed[key] = err
			continue
		}
		if batch = append(batch, key); len(batch) == most {
			b.deleteBatch(ctx, batch, failed)
			batch = nil
		}
	}
	b.deleteBatch(ctx, batch, failed)
	if len(failed) == 0 {
		return nil
	}
	return failed
}

func (b *Bucket) deleteBatch(ctx context.Context, keys []string, failed map[string]error) {
	left := make(map[string]bool, len(keys))
	for _, key := range keys {
		left[key] = true
	}
	err := b.retry.do(ctx, "delete", "", func(ctx context.Context, a *attempt) error {
		if len(left) == 0 {
			return nil
		}
		if len(left) == 1 {
			return b.deleteEach(ctx, left)
		}
		return b.deleteMany(ctx, a, left, failed)
	})
	if err == nil {
		return
	}
	for key := range left {
		var e *Error
		if errors.As(err, &e) {
			failed[key] = &Error{Kind: e.Kind, Op: "delete", Key: key, Err: e.Err}
		}
	}
}

// deleteEach is for one key, and for a store that knows no request for many.
func (b *Bucket) deleteEach(ctx context.Context, left map[string]bool) error {
	for key := range left {
		err := b.core.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{})
		if err != nil && codeOf(err) != "NoSuchKey" {
			return err
		}
		delete(left, key)
	}
	return nil
}

// deleteMany takes from left what is gone, and what the store will not remove.
func (b *Bucket) deleteMany(ctx context.Context, a *attempt, left map[string]bool, failed map[string]error) error {
	results, err := b.core.RemoveObjectsWithIter(ctx, b.name, b.objects(left), minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	var again error
	for r := range results {
		key := r.ObjectName[min(len(b.prefix), len(r.ObjectName)):]
		switch {
		case a.status >= http.StatusMultipleChoices || a.status == 0 || r.ObjectName == "" && r.Err != nil:
			err = r.Err // of the whole request
		case !left[key]:
		case r.Err == nil || codeOf(r.Err) == "NoSuchKey":
			delete(left, key)
		default:
			kind, told, passes := b.retry.classify(r.Err, &exchange{status: http.StatusBadRequest})
			if codeOf(r.Err) == "AccessDenied" {
				kind = Denied
			}
			if passes {
				again = r.Err
				continue
			}
			failed[key] = &Error{Kind: kind, Op: "delete", Key: key, Err: told}
			delete(left, key)
		}
	}
	switch code := codeOf(err); {
	case code == "NotImplemented" || code == "MethodNotAllowed":
		return b.deleteEach(ctx, left)
	case err != nil:
		return err
	case again != nil:
		return again
	case ctx.Err() != nil:
		return ctx.Err()
	case len(left) > 0:
		return errors.New("the store did not say what became of a key")
	}
	return nil
}

// objects are the keys of left with their prefix, as the library takes them.
func (b *Bucket) objects(left map[string]bool) iter.Seq[minio.ObjectInfo] {
	keys := make([]string, 0, len(left))
	for key := range left {
		keys = append(keys, b.prefix+key)
	}
	return func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: key}) {
				return
			}
		}
	}
}
