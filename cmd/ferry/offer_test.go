package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// A person reads in one row who offers what and how much, and what is free.
func TestOfferInARow(t *testing.T) {
	photos := transfer.Extent{Files: 12, Folders: 3, Bytes: 46 * mib, Whole: true}
	folder := transfer.OfferItem{Name: "photos", Kind: tree.Folder, Size: -1}
	one := func(it transfer.OfferItem, e transfer.Extent) proposal {
		return proposal{Offer: transfer.Offer{Peer: "192.0.2.7:40000", Items: 1, Listed: []transfer.OfferItem{it}, Extent: e}, free: 13 << 30}
	}
	for _, c := range []struct {
		about string
		p     proposal
		width int
		want  string
	}{
		{"a folder", one(folder, photos), 80, "192.0.2.7 offers photos/: 12 files, 3 folders, 46.0 MiB (13.0 GiB free)"},
		{"less room", one(folder, photos), 60, "192.0.2.7 offers photos/:\n  12 files, 3 folders, 46.0 MiB (13.0 GiB free)"},
		{"two rows", one(folder, photos), 40, "192.0.2.7 offers photos/:\n  15 items, 46.0 MiB (13.0 GiB free)"},
		{"hardly any", one(folder, photos), 20, "192.0.2.7 offers p:\n  46.0 MiB"},
		{"a walk that goes on", one(folder, transfer.Extent{Files: 12000, Folders: 1, Bytes: 3 << 30}), 100,
			"192.0.2.7 offers photos/: at least 12,000 files, 1 folder, 3.00 GiB so far (13.0 GiB free)"},
		{"a walk that did not begin", one(folder, transfer.Extent{}), 80, "192.0.2.7 offers photos/: not counted yet (13.0 GiB free)"},
		{"too much", one(folder, transfer.Extent{Files: 2, Bytes: 14 << 30, Whole: true}), 100,
			"192.0.2.7 offers photos/: 2 files, 14.0 GiB (more than the 13.0 GiB that are free)"},
		{"too much, and little room", one(folder, transfer.Extent{Files: 2, Bytes: 14 << 30, Whole: true}), 32,
			"192.0.2.7 offers photos/:\n  14.0 GiB (13.0 GiB free!)"},
		{"a file", one(transfer.OfferItem{Name: "disk.iso", Kind: tree.File, Size: 5 * mib}, transfer.Extent{Files: 1, Bytes: 5 * mib, Whole: true}), 80,
			"192.0.2.7 offers disk.iso: 1 file, 5.00 MiB (13.0 GiB free)"},
		{"a stream", one(transfer.OfferItem{Name: "dump.sql", Kind: tree.Stream, Size: -1}, transfer.Extent{Others: 1, Whole: true}), 80,
			"192.0.2.7 offers dump.sql: a stream of unknown size (13.0 GiB free)"},
		{"a link", one(transfer.OfferItem{Name: "l", Kind: tree.Symlink, Size: -1}, transfer.Extent{Others: 1, Whole: true}), 80, "192.0.2.7 offers l: a symlink"},
		{"a name that hides itself", one(transfer.OfferItem{Name: ".rc", Kind: tree.File, Size: 3}, transfer.Extent{Files: 1, Bytes: 3, Whole: true}), 80,
			"192.0.2.7 offers 1 item:\n  and with names that begin with a dot, which hides them:\n    file            3 B  .rc\n  1 file, 3 B (13.0 GiB free)"},
		{"a name that would be read as the amount", one(transfer.OfferItem{Name: "a: 1 file, 3 B (13 GiB free)", Kind: tree.Folder, Size: -1}, photos), 80,
			"192.0.2.7 offers 1 item:\n    folder               a: 1 file, 3 B (13 GiB free)\n  12 files, 3 folders, 46.0 MiB (13.0 GiB free)"},
		{"nobody knows what is free", proposal{Offer: one(folder, photos).Offer, free: math.MaxInt64}, 80, "192.0.2.7 offers photos/: 12 files, 3 folders, 46.0 MiB"},
		{"an address of IPv6", proposal{Offer: transfer.Offer{Peer: "[2001:db8::7]:1", Items: 1, Exact: true, Bytes: 1, Listed: []transfer.OfferItem{{Name: "f", Kind: tree.File, Size: 1}}}, free: -1}, 80,
			"2001:db8::7 offers f: 1 item, 1 B"},
	} {
		above, last := c.p.rows(c.width - 1)
		if got := strings.Join(append(above, last(c.p.Extent)), "\n"); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.about, got, c.want)
		}
	}
}

// The walk is waited for, and not for long.
func TestWaitCount(t *testing.T) {
	news := func(all ...transfer.Extent) <-chan transfer.Extent {
		c := make(chan transfer.Extent, len(all))
		for _, e := range all {
			c <- e
		}
		return c
	}
	whole := transfer.Extent{Files: 2, Whole: true}
	if got := waitCount(t.Context(), transfer.Extent{}, news(transfer.Extent{Files: 1}, whole)); got != whole {
		t.Errorf("%+v were counted", got)
	}
	if got := waitCount(t.Context(), whole, nil); got != whole {
		t.Errorf("%+v were counted, though all was known", got)
	}
	start := time.Now()
	if got := waitCount(t.Context(), transfer.Extent{}, news(transfer.Extent{Files: 1})); got.Files != 1 || time.Since(start) < countTime {
		t.Errorf("%+v were counted", got)
	}
}
