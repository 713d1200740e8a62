package bucket

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of S3: bytes of a key, and letters of a bucket's name.
const (
	maxKey    = 1024
	minBucket = 3
	maxBucket = 63
)

// maxPrefix leaves room for keys below the prefix, in bytes.
const maxPrefix = maxKey / 2

const scheme = "s3://"

// Is reports whether text is written as a place in a store is: s3://….
func Is(text string) bool {
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// Parse reads s3://bucket/prefix, with a slash at its end or not. The prefix comes without
// that; it is empty for the whole bucket, of at most 512 bytes, and has no element that is
// empty, "." or "..": "//x" is another key than "/x", and one that no file system has.
func Parse(text string) (bucket, prefix string, err error) {
	if !Is(text) {
		return "", "", fmt.Errorf("%q is no place in a store: write s3://BUCKET/PREFIX", clip(text))
	}
	bucket, prefix, _ = strings.Cut(text[len(scheme):], "/")
	if err := checkBucket(bucket); err != nil {
		return "", "", fmt.Errorf("%q: %w", clip(text), err)
	}
	if prefix == "" {
		return bucket, "", nil
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if len(prefix) > maxPrefix {
		return "", "", fmt.Errorf("%q: a prefix has at most %d bytes", clip(text), maxPrefix)
	}
	if !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl) {
		return "", "", fmt.Errorf("%q: a prefix is text in UTF-8 without control characters", clip(text))
	}
	for e := range strings.SplitSeq(prefix, "/") {
		if e == "" || e == "." || e == ".." {
			return "", "", fmt.Errorf("%q: no part of a prefix is empty, \".\" or \"..\"", clip(text))
		}
	}
	return bucket, prefix, nil
}

func checkBucket(name string) error {
	if name == "" {
		return errors.New("the bucket's name is missing: write s3://BUCKET/PREFIX")
	}
	if len(name) < minBucket || len(name) > maxBucket {
		return fmt.Errorf("the name of a bucket has %d to %d letters", minBucket, maxBucket)
	}
	for i, r := range name {
		inside := i > 0 && i < len(name)-1
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || inside && (r == '-' || r == '.' || r == '_') {
			continue
		}
		return errors.New("the name of a bucket has small letters, digits, and \"-\", \".\" or \"_\" between them")
	}
	if strings.Contains(name, "..") {
		return errors.New("the name of a bucket has no two dots side by side")
	}
	return nil
}

// clip cuts what somebody typed to what an error shows.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// checkKey is for a whole key, with the prefix.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("a key is not empty")
	case len(key) > maxKey:
		return fmt.Errorf("a key has at most %d bytes with its prefix, this one %d: give it a shorter name", maxKey, len(key))
	case !utf8.ValidString(key):
		return errors.New("a key is text in UTF-8: rename the item")
	}
	return nil
}
