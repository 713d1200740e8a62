package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Part is a part of an upload, as the store has it.
type Part struct {
	Number int    // 1 to 10 000
	Size   int64  // bytes
	ETag   string // without quotes
	Sum    string // CRC64NVME in base64, where the store keeps it
}

// maxParts is how many parts an upload has at most.
const maxParts = 10000

const headAlgorithm = "X-Amz-Checksum-Algorithm"
const headSumType = "X-Amz-Checksum-Type"

// Begin begins an upload of parts to key. Metadata is that of the object.
func (b *Bucket) Begin(ctx context.Context, key string, meta map[string]string) (upload string, err error) {
	full, err := b.full("begin", key)
	if err != nil {
		return "", err
	}
	headers, err := metaHeaders(meta)
	if err != nil {
		return "", &Error{Kind: Other, Op: "begin", Key: key, Err: err}
	}
	err = b.retry.do(ctx, "begin", key, func(ctx context.Context, a *attempt) error {
		var err error
		if !b.noSums.Load() {
			with := map[string]string{headAlgorithm: "CRC64NVME", headSumType: "FULL_OBJECT"}
			for k, v := range headers {
				with[k] = v
			}
			upload, err = b.core.NewMultipartUpload(ctx, b.name, full, minio.PutObjectOptions{UserMetadata: with})
			if err == nil || !refusesSums(err) {
				return errors.Join(err, checkBegun(err, upload))
			}
		}
		upload, err = b.core.NewMultipartUpload(ctx, b.name, full, minio.PutObjectOptions{UserMetadata: headers})
		if err != nil {
			return err
		}
		b.noSums.Store(true)
		return checkUpload(upload)
	})
	if err != nil {
		return "", err
	}
	return upload, nil
}

func checkBegun(err error, upload string) error {
	if err != nil {
		return nil
	}
	return checkUpload(upload)
}

// PutPart sends a part. Sent again, it takes the place of the one before.
func (b *Bucket) PutPart(ctx context.Context, key, upload string, number int, body []byte) (Part, error) {
	full, err := b.full("put part", key)
	if err == nil {
		err = checkPart(number, len(body), upload)
	}
	if err != nil {
		return Part{}, wrap("put part", key, err)
	}
	s := sumsOf(body, b.options.Secure)
	var p Part
	err = b.retry.do(ctx, "put part", key, func(ctx context.Context, a *attempt) error {
		info, err := b.summed(s, nil, func(headers map[string]string) (minio.UploadInfo, error) {
			h := make(http.Header)
			for k, v := range headers {
				h.Set(k, v)
			}
			o := minio.PutObjectPartOptions{Md5Base64: s.contentMD5(), Sha256Hex: s.sha256, CustomHeader: h, DisableContentSha256: true}
			part, err := b.core.PutObjectPart(ctx, b.name, full, upload, number, bytes.NewReader(body), s.size, o)
			return minio.UploadInfo{ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME}, err
		})
		if err != nil {
			return err
		}
		if _, err := s.check(info.ETag, a.header); err != nil {
			return err
		}
		if info.ETag == "" {
			return mismatched("the store tells no ETag of a part")
		}
		p = Part{Number: number, Size: s.size, ETag: info.ETag, Sum: info.ChecksumCRC64NVME}
		return nil
	})
	return p, err
}

func checkPart(number, size int, upload string) error {
	if number < 1 || number > maxParts {
		return fmt.Errorf("the number of a part is 1 to %d, not %d", maxParts, number)
	}
	if size == 0 {
		return errors.New("a part is not empty")
	}
	return checkUpload(upload)
}

// Parts tells the parts that an upload has, by number. An upload that was completed, aborted
// or never begun is NotFound.
func (b *Bucket) Parts(ctx context.Context, key, upload string) ([]Part, error) {
	full, err := b.full("parts", key)
	if err == nil {
		err = checkUpload(upload)
	}
	if err != nil {
		return nil, wrap("parts", key, err)
	}
	var parts []Part
	marker := 0
	for {
		var page minio.ListObjectPartsResult
		err := b.retry.do(ctx, "parts", key, func(ctx context.Context, a *attempt) error {
			var err error
			page, err = b.core.ListObjectParts(ctx, b.name, full, upload, marker, pageSize)
			return readable(err, page.Bucket)
		})
		if err != nil {
			return nil, err
		}
		for _, p := range page.ObjectParts {
			if p.PartNumber <= marker || p.PartNumber > maxParts || p.Size < 0 {
				return nil, wrap("parts", key, mismatched("the store lists part %d of %d bytes after part %d", p.PartNumber, p.Size, marker))
			}
			marker = p.PartNumber
			parts = append(parts, Part{Number: p.PartNumber, Size: p.Size, ETag: strings.Trim(p.ETag, `"`), Sum: p.ChecksumCRC64NVME})
		}
		if !page.IsTruncated {
			return parts, nil
		}
		if len(page.ObjectParts) == 0 {
			return nil, wrap("parts", key, mismatched("a list of the store does not move on"))
		}
	}
}

// Complete makes the object of these parts, which come by number. What the store then tells
// of it is compared with what the parts make: the size, and the ETag or the checksum.
func (b *Bucket) Complete(ctx context.Context, key, upload string, parts []Part, c Condition) (Object, error) {
	// 1. Say what is expected.
	full, err := b.full("complete", key)
	if err == nil {
		err = checkUpload(upload)
	}
	var w whole
	if err == nil {
		w, err = wholeOf(parts)
	}
	if err != nil {
		return Object{}, wrap("complete", key, err)
	}
	// 2. Ask first: not every store that honours the conditions of a Put honours these.
	if !c.none() {
		if err := b.look(ctx, "complete", key, full, c); err != nil {
			return Object{}, err
		}
	}
	// 3. Complete it, or find that it was.
	var told string // the ETag
	err = b.retry.do(ctx, "complete", key, func(ctx context.Context, a *attempt) error {
		a.patient = stallComplete
		var err error
		told, err = b.complete(ctx, a, full, upload, w, c)
		code := codeOf(err)
		if a.again && (isPrecondition(err, c) || code == "NoSuchUpload" || code == "NoSuchKey") {
			err = b.completed(ctx, full, w, err)
		}
		if isPrecondition(err, c) {
			return unexpected(err)
		}
		return err
	})
	if err != nil {
		return Object{}, err
	}
	// 4. Look at what stands there now.
	var o Object
	err = b.retry.do(ctx, "complete", key, func(ctx context.Context, a *attempt) error {
		var err error
		o, err = b.head(ctx, key, full)
		if err != nil {
			return err
		}
		if _, err = w.check(o, a.header); err != nil && o.Size == w.size && o.ETag == told {
			return asWritten(err) // of another size nobody takes it for the same
		}
		return err
	})
	return o, err
}

// whole is what an upload makes.
type whole struct {
	parts []minio.CompletePart
	size  int64
	etag  string // empty: cannot be known
	sum   string // empty: cannot be known
}

func wholeOf(parts []Part) (whole, error) {
	if len(parts) == 0 {
		return whole{}, errors.New("an upload has at least one part")
	}
	w := whole{etag: compositeETag(parts), sum: wholeSum(parts)}
	if !slices.IsSortedFunc(parts, func(x, y Part) int { return x.Number - y.Number }) {
		return whole{}, errors.New("the parts are not in order")
	}
	for _, p := range parts {
		if p.ETag == "" || p.Size < 0 {
			return whole{}, fmt.Errorf("part %d has no ETag or no size", p.Number)
		}
		w.size += p.Size
		w.parts = append(w.parts, minio.CompletePart{PartNumber: p.Number, ETag: p.ETag, ChecksumCRC64NVME: p.Sum})
	}
	return w, nil
}

// complete is one attempt. It returns the ETag that the store tells of the object.
func (b *Bucket) complete(ctx context.Context, a *attempt, full, upload string, w whole, c Condition) (etag string, err error) {
	o := minio.PutObjectOptions{}
	c.set(&o)
	if w.sum != "" {
		o.UserMetadata = map[string]string{headSum: w.sum, headSumType: "FULL_OBJECT"}
	}
	info, err := b.core.CompleteMultipartUpload(ctx, b.name, full, upload, w.parts, o)
	if err != nil {
		return "", err
	}
	if info.ChecksumCRC64NVME != "" && w.sum != "" && info.ChecksumCRC64NVME != w.sum {
		return "", asWritten(mismatched("the store tells the checksum %s of the object, and its parts have %s", plain(info.ChecksumCRC64NVME), w.sum))
	}
	if w.etag != "" && !encrypted(a.header) && isComposite(info.ETag, len(w.parts)) && info.ETag != w.etag {
		return "", asWritten(mismatched("the store tells the ETag %s of the object, and its parts have %s", info.ETag, w.etag))
	}
	return info.ETag, nil
}

// check compares an object with what the parts make. proven says that more than the size could
// be compared.
func (w whole) check(o Object, h http.Header) (proven bool, err error) {
	if o.Size != w.size {
		return false, mismatched("the store tells %d bytes of the object, and its parts have %d", o.Size, w.size)
	}
	if told := h.Get(headSum); told != "" && w.sum != "" && h.Get(headSumType) != "COMPOSITE" {
		if told != w.sum {
			return false, mismatched("the store tells the checksum %s of the object, and its parts have %s", plain(told), w.sum)
		}
		proven = true
	}
	if w.etag != "" && !encrypted(h) && isComposite(o.ETag, len(w.parts)) {
		if o.ETag != w.etag {
			return false, mismatched("the store tells the ETag %s of the object, and its parts have %s", o.ETag, w.etag)
		}
		proven = true
	}
	return proven, nil
}

// Made tells what stands at key. Proven says that the store tells of it what an object of these
// parts has, and more than the size.
func (b *Bucket) Made(ctx context.Context, key string, parts []Part) (o Object, proven bool, err error) {
	full, err := b.full("head", key)
	if err != nil {
		return o, false, err
	}
	w, err := wholeOf(parts)
	if err != nil {
		return o, false, &Error{Kind: Other, Op: "head", Key: key, Err: err}
	}
	err = b.retry.do(ctx, "head", key, func(ctx context.Context, a *attempt) error {
		var err error
		if o, err = b.head(ctx, key, full); err != nil {
			return err
		}
		if proven, err = w.check(o, a.header); err != nil {
			proven = false // it is another one
		}
		return nil
	})
	return o, proven, err
}

// completed looks whether an earlier attempt completed the upload. If not, refusal is what the
// store said.
func (b *Bucket) completed(ctx context.Context, full string, w whole, refusal error) error {
	x := &exchange{}
	o, err := b.head(withExchange(ctx, x), "", full)
	if codeOf(err) == "NoSuchKey" {
		return refusal
	}
	if err != nil {
		return err
	}
	proven, err := w.check(o, x.header)
	if err == nil && proven {
		return nil
	}
	return refusal
}

// Abort gives an upload and its parts up. One that is gone is no failure.
func (b *Bucket) Abort(ctx context.Context, key, upload string) error {
	full, err := b.full("abort", key)
	if err == nil {
		err = checkUpload(upload)
	}
	if err != nil {
		return wrap("abort", key, err)
	}
	return b.retry.do(ctx, "abort", key, func(ctx context.Context, a *attempt) error {
		err := b.core.AbortMultipartUpload(ctx, b.name, full, upload)
		if code := codeOf(err); code == "NoSuchUpload" || code == "NoSuchKey" {
			return nil
		}
		return err
	})
}
