package flow

import (
	"math"
	"runtime/debug"
	"testing"

	"ferry/framing"
	"ferry/transfer/tree"
)

// What a delivery keeps follows the limit of the heap, and never falls below what the
// protocol needs: 256 entries and the folders of the deepest path, and room for a chunk beside
// one that is written.
func TestMayKeepFollowsTheLimit(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for _, c := range []struct {
		limit, credit int64
		entries       int
	}{
		{math.MaxInt64, CreditWindow, EntryWindow},
		{1 << 30, CreditWindow, EntryWindow},
		{128 << 20, CreditWindow, EntryWindow},
		{64 << 20, CreditWindow, EntryWindow / 2},
		{48 << 20, CreditWindow, 6144},
		{24 << 20, 4 << 20, tree.MaxDepth + 256},
		{1 << 20, 3 << 20, tree.MaxDepth + 256},
	} {
		debug.SetMemoryLimit(c.limit)
		entries, bytes := Share(0).Entries()
		if Share(0).Credit(0) != c.credit || entries != c.entries {
			t.Errorf("of %d bytes: a credit of %d and %d entries, want %d and %d", c.limit, Share(0).Credit(0), entries, c.credit, c.entries)
		}
		if got, want := Share(0).Credit(LongPath), min(longCredit, max(c.limit/6, 3<<20)); got != want {
			t.Errorf("of %d bytes: a credit of %d over a long path, want %d", c.limit, got, want)
		}
		if entries < framing.FirstEntries || entries < tree.MaxDepth+2 || bytes < 2*(128<<10+tree.MaxPath) {
			t.Errorf("of %d bytes: %d entries of %d bytes are too few", c.limit, entries, bytes)
		}
	}
}

// A delivery beside others keeps what its share allows, and what the process allows.
func TestMayKeepFollowsTheShare(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	for _, c := range []struct {
		share  Share
		credit int64
	}{{0, CreditWindow}, {1 << 40, CreditWindow}, {8 << 20, 3 << 20}, {1, 3 << 20}, {30 << 20, 5 << 20}} {
		if got := c.share.Credit(0); got != c.credit {
			t.Errorf("a share of %d: a credit of %d, want %d", c.share, got, c.credit)
		}
	}
	debug.SetMemoryLimit(24 << 20)
	if got := Share(1 << 30).Credit(0); got != 4<<20 {
		t.Errorf("a share of more than there is: a credit of %d", got)
	}
}
