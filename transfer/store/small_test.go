//go:build small

package store

import (
	"strings"
	"testing"
)

// What has no client of a store knows a place in one all the same, and says why it takes none.
func TestSmall(t *testing.T) {
	const place = "s3://bucket/x"
	if !Is(place) || !Is("S3://bucket") || Is("s3:/bucket") {
		t.Error("a place in a store is not known as one")
	}
	err := Check(place)
	if err == nil || !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), "ferry help platforms") {
		t.Error(err)
	}
	if _, err := Open(t.Context(), place, Options{}); err == nil {
		t.Error("a store is open")
	}
	if _, err := OpenSource(t.Context(), place, Options{}); err == nil {
		t.Error("a source is open")
	}
}
