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

// The last line and the object say whose word durable is.
func TestWhoseWord(t *testing.T) {
	whole := transfer.Result{Delivered: 1, Durable: true, Acknowledged: true}
	with := func(change func(*transfer.Result)) transfer.Result {
		r := whole
		change(&r)
		return r
	}
	store := func(r *transfer.Result) { r.Store = "s3://b\x1b" }
	for _, c := range []struct {
		o                outcome
		line, by, keeper string
	}{
		{outcome{result: whole}, "what was delivered is verified and on stable storage", "disk", ""},
		{outcome{result: with(store)}, `what was delivered is verified and stored: acknowledged by the store s3://b\x1b`, "store", `s3://b\x1b`},
		{outcome{result: with(func(r *transfer.Result) { store(r); r.Delivered, r.Same = 0, 1 })}, `everything is stored: acknowledged by the store s3://b\x1b`, "store", `s3://b\x1b`},
		{outcome{result: with(func(r *transfer.Result) { r.Durable = false }), unsynced: true}, "what was delivered is verified, but not synced to stable storage: a power cut may lose it", "", ""},
		{outcome{result: whole, crowd: &crowdCount{mixed: true}}, "what was delivered is verified and on stable storage, or in a store", "", ""},
	} {
		if got := c.o.caveat(); got != c.line {
			t.Errorf("the line is %q, want %q", got, c.line)
		}
		if j := c.o.object(); j.DurableBy != c.by || j.Store != c.keeper {
			t.Errorf("the object says %q and %q, want %q and %q", j.DurableBy, j.Store, c.by, c.keeper)
		}
	}
}
