package store

import (
	"context"
	"strings"

	"ferry/transfer/tree"
)

// Size lists all that is below the place, and adds up the bytes of the objects. What is of
// ferry's own is left out, and so is what uploads that are not complete take.
func (s *Store) Size(ctx context.Context) (n int64, err error) {
	for o, err := range s.bucket.List(ctx, "", true) {
		if err != nil {
			return 0, named(s.Place(), err)
		}
		if !ofState(o.Key) {
			n += o.Size
		}
	}
	return n, nil
}

// ofState tells whether a key is below a folder for what is unfinished.
func ofState(key string) bool {
	for name := range strings.SplitSeq(key, "/") {
		if tree.IsStateName(name) {
			return true
		}
	}
	return false
}
