package main

import (
	"strings"
	"testing"
	"time"

	"ferry/transfer"
)

// The first of the last lines says what is worth a place, and only what is true.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		about string
		r     transfer.Result
		want  string // after the semicolon
	}{
		{"as much crossed as was delivered", transfer.Result{Bytes: 48 << 20, Moved: 48 << 20, Wire: 48<<20 + 30<<10}, "48.0 MiB in 3.0 s, 16.0 MiB/s"},
		{"compressed", transfer.Result{Bytes: 48 << 20, Moved: 48 << 20, Wire: 12 << 20}, "48.0 MiB in 3.0 s, 16.0 MiB/s, 12.0 MiB over the network"},
		{"sent again after losses", transfer.Result{Bytes: 48 << 20, Moved: 48 << 20, Wire: 60 << 20}, "48.0 MiB in 3.0 s, 16.0 MiB/s, 60.0 MiB over the network"},
		{"resumed", transfer.Result{Bytes: 48 << 20, Reused: 24 << 20, Moved: 24 << 20, Wire: 24<<20 + 30<<10}, "48.0 MiB (24.0 MiB there before) in 3.0 s, 8.00 MiB/s"},
		{"holes", transfer.Result{Bytes: 48 << 20, Moved: 3 << 20, Wire: 3 << 20}, "48.0 MiB (45.0 MiB in holes) in 3.0 s, 1.00 MiB/s"},
		{"much was compared beside", transfer.Result{Bytes: 3 << 20, Reused: 900 << 20, Moved: 3 << 20, Wire: 3 << 20}, "3.00 MiB in 3.0 s, 1.00 MiB/s"},
		{"more was moved than arrived", transfer.Result{Bytes: 3 << 20, Moved: 6 << 20, Wire: 6 << 20}, "3.00 MiB (6.00 MiB moved) in 3.0 s, 2.00 MiB/s"},
		{"a tree of many items was compared", transfer.Result{Wire: 5 << 20}, "0 B in 3.0 s, 5.00 MiB over the network"},
	} {
		c.r.Elapsed = 3 * time.Second
		if c.r.Bytes > 0 {
			c.r.Delivered = 1
		}
		if _, got, _ := strings.Cut(outcome{began: true, result: c.r}.counts(), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.about, got, c.want)
		}
	}
}
