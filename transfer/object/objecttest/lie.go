package objecttest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

const headSum = "X-Amz-Checksum-Crc64nvme"

var (
	etagIn = regexp.MustCompile(`(<ETag>(?:&#34;|&quot;|")?)([0-9a-f])`)
	sumIn  = regexp.MustCompile(`(<ChecksumCRC64NVME>)(.)`)
)

// lie changes what an answer tells, in place where it can.
func lie(h http.Header, body []byte, rule Rule) []byte {
	switch rule.Fault {
	case LieETag:
		if etag := h.Get("ETag"); etag != "" {
			h.Set("ETag", other(etag, 1))
		}
		return etagIn.ReplaceAllFunc(body, lastOther)
	case LieSum:
		if sum := h.Get(headSum); sum != "" {
			h.Set(headSum, other(sum, 0))
		}
		return sumIn.ReplaceAllFunc(body, lastOther)
	case LieSize:
		if size, err := strconv.Atoi(h.Get("Content-Length")); err == nil {
			h.Set("Content-Length", fmt.Sprint(size+1))
		}
	case Truncate:
		return body[:max(int64(len(body))-rule.N, 0)]
	}
	return body
}

// other changes the letter at i.
func other(s string, i int) string {
	if i >= len(s) {
		return s
	}
	p := []byte(s)
	p[i] = otherByte(p[i])
	return string(p)
}

func lastOther(m []byte) []byte {
	m = bytes.Clone(m)
	m[len(m)-1] = otherByte(m[len(m)-1])
	return m
}

func otherByte(c byte) byte {
	if c == '0' {
		return '1'
	}
	return '0'
}

// spoiled changes the first byte.
type spoiled struct {
	io.Reader
	done bool
}

func (s *spoiled) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if n > 0 && !s.done {
		s.done = true
		p[0] ^= 1
	}
	return n, err
}
