package transfer

import (
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
