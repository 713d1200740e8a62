package bucket

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Headers of S3.
const (
	headSum    = "X-Amz-Checksum-Crc64nvme"
	headKMS    = "X-Amz-Server-Side-Encryption"
	headSSEC   = "X-Amz-Server-Side-Encryption-Customer-Algorithm"
	metaPrefix = "X-Amz-Meta-"
)

// sums are what is computed here of a body.
type sums struct {
	size   int64
	md5    [md5.Size]byte
	crc    string // CRC64NVME, as S3 writes it
	sha256 string // hexadecimal; empty over TLS, which protects the body
}

func sumsOf(body []byte, secure bool) sums {
	sum := minio.ChecksumCRC64NVME.ChecksumBytes(body)
	s := sums{size: int64(len(body)), md5: md5.Sum(body), crc: sum.Encoded()}
	if !secure {
		d := sha256.Sum256(body)
		s.sha256 = hex.EncodeToString(d[:])
	}
	return s
}

func (s sums) contentMD5() string { return base64.StdEncoding.EncodeToString(s.md5[:]) }
func (s sums) etag() string       { return hex.EncodeToString(s.md5[:]) }

// check compares what a store told of a body. proven says that something was told that could
// be compared.
func (s sums) check(etag string, h http.Header) (proven bool, err error) {
	if told := h.Get(headSum); told != "" {
		if told != s.crc {
			return false, mismatched("the store tells the checksum %s, and what was sent has %s", plain(told), s.crc)
		}
		proven = true
	}
	if encrypted(h) || !isMD5(etag) {
		return proven, nil
	}
	if !strings.EqualFold(etag, s.etag()) {
		return false, mismatched("the store tells the ETag %s, and what was sent has %s", etag, s.etag())
	}
	return true, nil
}

// encrypted reports whether an answer says that its object is. Then the ETag may be anything.
func encrypted(h http.Header) bool { return h.Get(headKMS) != "" || h.Get(headSSEC) != "" }

// isMD5 reports whether an ETag has the form of an MD5.
func isMD5(etag string) bool {
	if len(etag) != 2*md5.Size {
		return false
	}
	_, err := hex.DecodeString(etag)
	return err == nil
}

// isComposite reports whether an ETag has the form of one of n parts.
func isComposite(etag string, n int) bool {
	sum, count, ok := strings.Cut(etag, "-")
	return ok && isMD5(sum) && count == fmt.Sprint(n)
}

// compositeETag is the ETag of an upload of these parts; empty if it cannot be known.
func compositeETag(parts []Part) string {
	h := md5.New()
	for _, p := range parts {
		if !isMD5(p.ETag) {
			return ""
		}
		sum, err := hex.DecodeString(p.ETag)
		if err != nil {
			return ""
		}
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}

// wholeSum is the CRC64NVME of the object that these parts make; empty if one has none.
func wholeSum(parts []Part) string {
	of := make([]minio.ObjectPart, len(parts))
	for i, p := range parts {
		if p.Sum == "" {
			return ""
		}
		of[i] = minio.ObjectPart{PartNumber: p.Number, Size: p.Size, ChecksumCRC64NVME: p.Sum}
	}
	sum, err := minio.ChecksumCRC64NVME.FullObjectChecksum(of)
	if err != nil {
		return ""
	}
	return sum.Encoded()
}
