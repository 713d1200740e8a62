package local

import (
	"slices"
	"testing"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// What a copy's receiver alone knows is told by the copy, and the rest once.
func TestWhatStoodIsTold(t *testing.T) {
	var lost []transfer.Loss
	for what := tree.AttrOwner; what <= tree.AttrUnsureLink; what <<= 1 {
		lost = append(lost, transfer.Loss{What: what})
	}
	var told []tree.Attr
	for _, l := range ofWhatStood(lost) {
		told = append(told, l.What)
	}
	if want := []tree.Attr{tree.AttrForeign, tree.AttrOpen, tree.AttrUnsureLink}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}
