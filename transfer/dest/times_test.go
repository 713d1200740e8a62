package dest

import (
	"testing"
	"time"

	"ferry/transfer/tree"
)

func TestTimes(t *testing.T) {
	const sec = 1_600_000_001 // odd
	now := func() time.Time { return time.Unix(sec, 0).Add(30 * 24 * time.Hour) }
	at := func(s int64, ns uint32) tree.Time { return tree.Time{Sec: sec + s, Nsec: ns} }
	late := at(1e6, 0) // the delivery, on any grid
	for _, c := range []struct {
		name        string
		from, to    tree.Time
		ctime       tree.Time
		seen        tree.Time // another item's mtime there, if not zero
		keep, trust bool
	}{
		{"the same", at(0, 123456789), at(0, 123456789), late, tree.Time{}, true, true},
		{"100 ns", at(0, 123456789), at(0, 123456700), at(1e6, 100), tree.Time{}, true, true},
		{"microseconds", at(0, 123456789), at(0, 123456000), at(1e6, 1000), tree.Time{}, true, true},
		{"milliseconds", at(0, 123456789), at(0, 123000000), at(1e6, 1e6), tree.Time{}, true, true},
		{"seconds", at(0, 123456789), at(0, 0), late, tree.Time{}, true, true},
		{"two seconds", at(0, 123456789), at(-1, 0), at(1e6-1, 0), tree.Time{}, true, true},
		{"rounded up", at(0, 123456789), at(1, 0), late, tree.Time{}, false, false},
		{"earlier", at(0, 123456789), at(-2, 0), late, tree.Time{}, false, false},
		{"later", at(0, 0), at(0, 1), late, tree.Time{}, false, false},
		{"no grid", at(0, 123456789), at(0, 123450000), late, tree.Time{}, false, false},
		{"far", tree.Time{Sec: 1<<63 - 1}, tree.Time{Sec: -1 << 63}, late, tree.Time{}, false, false},
		// A time that was seen rules out what is coarser.
		{"the change time has more", at(0, 123456789), at(0, 0), at(1e6, 1), tree.Time{}, false, false},
		{"the change time has milliseconds", at(0, 123456789), at(0, 123000000), at(1e6, 7e6), tree.Time{}, true, true},
		{"another item has more", at(0, 123456789), at(0, 0), late, at(5, 1), false, false},
		{"another item has odd seconds", at(0, 123456789), at(-1, 0), at(1e6-1, 0), at(2, 0), false, false},
		// A second is long enough to deliver an item and change it.
		{"delivered at once", at(0, 123456789), at(0, 0), at(0, 0), tree.Time{}, true, true},
		{"delivered soon", at(0, 123456789), at(0, 0), at(2, 0), tree.Time{}, true, false},
		{"no change times", at(0, 123456789), at(0, 0), tree.Time{}, tree.Time{}, true, true},
	} {
		times := newTimes(now)
		if c.seen != (tree.Time{}) {
			times.keep(at(0, 0), tree.Info{Dev: 7, MTime: c.seen, CTime: late})
		}
		info := tree.Info{Dev: 7, MTime: c.to, CTime: c.ctime}
		if keep, trust := times.keep(c.from, info), times.trust(c.from, info); keep != c.keep || trust != c.trust {
			t.Errorf("%s: keep %v, trust %v; want %v, %v", c.name, keep, trust, c.keep, c.trust)
		}
	}
	young := newTimes(func() time.Time { return time.Unix(sec, 0).Add(time.Hour) })
	if info := (tree.Info{MTime: at(0, 0)}); young.trust(at(0, 5), info) {
		t.Error("where no change time is shown, a young file is trusted")
	}
}
