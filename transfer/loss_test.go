package transfer

import (
	"slices"
	"testing"

	"ferry/framing"
	"ferry/transfer/tree"
)

// Each attribute that a receiver may warn of has its kind here, by the same value.
func TestWireAttributesAreAllKnown(t *testing.T) {
	var all framing.Attributes
	for _, what := range wireAttributes {
		all |= framing.Attributes(what)
	}
	if may := allowed(tree.Metadata{Owner: true, Xattrs: true}); all != may {
		t.Errorf("WARN may tell of %#x, and %#x are known", may, all)
	}
	for _, what := range []tree.Attr{tree.AttrHardLink, tree.AttrSpecialFile} {
		if all&framing.Attributes(what) != 0 {
			t.Errorf("%v has the value of one in a WARN", what)
		}
	}
}

// What a copy's receiver alone knows is told by the copy, and the rest once.
func TestWhatStoodIsTold(t *testing.T) {
	var lost []Loss
	for what := tree.AttrOwner; what <= tree.AttrUnsureLink; what <<= 1 {
		lost = append(lost, Loss{What: what})
	}
	var told []tree.Attr
	for _, l := range ofWhatStood(lost) {
		told = append(told, l.What)
	}
	if want := []tree.Attr{tree.AttrForeign, tree.AttrOpen, tree.AttrUnsureLink}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}
