package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
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
		return Object{}, asWritten(err)
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

// MaxCopy is how long an object may be that is copied, in bytes.
const MaxCopy = 5 << 30

// Copy has the store copy the object from to the key to, with meta in the place of its
// metadata; both may be one key. What from.Headers tells stays. An object there that has another ETag than from is
// Precondition. C is about what stands at to, and does not count if that is from's key.
//
// Most stores change only the metadata of an object that is copied to its own key. Others
// write it anew, and may give it another ETag.
func (b *Bucket) Copy(ctx context.Context, from Object, to string, meta map[string]string, c Condition) (Object, error) {
	source, err := b.full("copy", from.Key)
	if err != nil {
		return Object{}, err
	}
	full, err := b.full("copy", to)
	if err != nil {
		return Object{}, err
	}
	if _, err := metaHeaders(meta); err != nil {
		return Object{}, &Error{Kind: Other, Op: "copy", Key: to, Err: err}
	}
	if from.Size > MaxCopy {
		return Object{}, &Error{Kind: Other, Op: "copy", Key: to, Err: errors.New("no store copies more than 5 GiB at once")}
	}
	if from.Key != to && !c.none() {
		// Few stores take conditions here, so one is only looked at.
		if err := b.look(ctx, "copy", to, full, c); err != nil {
			return Object{}, err
		}
	}
	// The library knows the names of headers among those of metadata.
	headers := maps.Clone(from.Headers)
	if headers == nil {
		headers = make(map[string]string, len(meta))
	}
	maps.Copy(headers, meta)
	var o Object
	err = b.retry.do(ctx, "copy", to, func(ctx context.Context, a *attempt) error {
		_, err := b.core.CopyObject(ctx,
			minio.CopyDestOptions{Bucket: b.name, Object: full, UserMetadata: headers, ReplaceMetadata: true},
			minio.CopySrcOptions{Bucket: b.name, Object: source, MatchETag: from.ETag})
		if err != nil && !(a.again && isPrecondition(err, Condition{ETag: from.ETag})) {
			return err
		}
		stands, look := b.head(ctx, to, full)
		switch {
		case look != nil:
			return look
		case stands.Size != from.Size || !sameMeta(stands.Meta, meta):
			if err != nil {
				return err
			}
			return mismatched("the store copied it, and tells %d bytes or other metadata", stands.Size)
		}
		o = stands
		return nil
	})
	return o, err
}

// Delete removes objects. It returns the keys that it could not remove, each with an *Error,
// and nil if there is none. A key that is absent is no failure.
func (b *Bucket) Delete(ctx context.Context, keys []string) map[string]error {
	d := deletion{Bucket: b, failed: make(map[string]error)}
	var batch []string
	for _, key := range keys {
		if _, err := b.full("delete", key); err != nil {
			d.failed[key] = err
			continue
		}
		if batch = append(batch, key); len(batch) == most {
			d.run(ctx, batch)
			batch = nil
		}
	}
	d.run(ctx, batch)
	if len(d.failed) == 0 {
		return nil
	}
	return d.failed
}
