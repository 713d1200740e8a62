package tree

import "testing"

func TestHardLinksMeet(t *testing.T) {
	h := NewHardLinks(2)
	a, b, c := Info{Kind: File, Ino: 1, Nlink: 3}, Info{Kind: File, Ino: 2, Nlink: 2}, Info{Kind: File, Ino: 3, Nlink: 2}
	other := b
	other.Size = 5
	for i, step := range []struct {
		info  Info
		first uint64
		more  bool
	}{
		{Info{Kind: File, Ino: 9, Nlink: 1}, 0, false},
		{Info{Kind: Folder, Ino: 8, Nlink: 5}, 0, false},
		{a, 0, true},     // 3
		{b, 0, true},     // 4
		{c, 0, false},    // full: a copy
		{a, 3, true},     // its second name
		{a, 3, false},    // its last
		{c, 0, true},     // 8: there is room again
		{c, 8, false},    // and it is its last
		{other, 0, true}, // 10: the number is another item's now
		{other, 10, false},
		{b, 0, true}, // 12
		// Of another file system. The receiver still remembers 4, so that it is full.
		{Info{Dev: 1, Kind: File, Ino: 2, Nlink: 2}, 0, false},
	} {
		first, more := h.meet(uint64(i+1), step.info)
		if first != step.first || more != step.more {
			t.Errorf("step %d: %d, %v; want %d, %v", i+1, first, more, step.first, step.more)
		}
	}
	if h.Copies() != 2 {
		t.Errorf("%d copies", h.Copies())
	}
}
