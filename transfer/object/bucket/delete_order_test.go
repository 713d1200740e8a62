package bucket_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// A store with real folders removes none with something in it: what is in one goes first,
// whatever the order of the keys.
func TestDeleteOfFoldersAndWhatIsInThem(t *testing.T) {
	place, o := objecttest.Versity(t)
	b, err := bucket.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for round := range 4 {
		var keys []string
		for i := range 4 {
			folder := fmt.Sprintf("%d/d%d/", round, i)
			keys = append(keys, folder, folder+"a/", folder+"a/x", folder+"a/y", folder+"z")
		}
		for _, key := range keys {
			if strings.HasSuffix(key, "/") && round%2 == 0 {
				continue // it is listed as a folder, and may have no mark
			}
			if _, err := b.Put(t.Context(), key, nil, nil, bucket.Condition{}); err != nil {
				t.Fatal(err)
			}
		}
		slices.Reverse(keys[:round*5])
		if failed := b.Delete(t.Context(), keys); failed != nil {
			t.Fatalf("round %d: %v", round, failed)
		}
	}
}
