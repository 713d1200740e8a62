package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ferry/transfer"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "16K": 16 << 10, "500k": 500 << 10, "10M": 10 << 20, "2.5MiB": 5 << 19, "1G": 1 << 30, "16384": 16384} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "16383", "-5M", "10MB", "fast", "10M/s", "9999999E"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// limitSeen is a renderer that keeps what it is told of the limit.
type limitSeen struct {
	renderer
	said []string
}

func (l *limitSeen) limited(rate int64, err error) { l.said = append(l.said, limitText(rate, err)) }

func TestRateFileIsFollowed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rate")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("1M\n")
	synctest.Test(t, func(t *testing.T) {
		limit, err := transfer.NewLimit(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		th := &throttle{limit: limit, file: name, text: "1M"}
		seen := &limitSeen{}
		stop := th.follow(t.Context(), seen)
		step := func(want int64) {
			t.Helper()
			time.Sleep(3 * throttleTick) // virtual
			synctest.Wait()
			if got := limit.Rate(); got != want {
				t.Errorf("the limit is %d, want %d", got, want)
			}
		}
		step(1 << 20)
		put(" 2M ")
		step(2 << 20)
		put("") // being written
		step(2 << 20)
		put("two")
		step(2 << 20)
		put("100")
		step(2 << 20)
		put(strings.Repeat("1", maxRateText+1))
		step(2 << 20)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		step(2 << 20)
		put("0")
		step(0)
		put("64K")
		step(64 << 10)
		stop()
		put("1M")
		step(64 << 10)
		if len(seen.said) != 7 {
			t.Errorf("said, once each: %s", strings.Join(seen.said, "\n"))
		}
		if i := slices.IndexFunc(seen.said, func(s string) bool { return strings.HasPrefix(s, "still at most 2.00 MiB/s") }); i < 0 {
			t.Errorf("nothing of the rate that stayed: %q", seen.said)
		}
	})
}

func TestLimitText(t *testing.T) {
	for want, got := range map[string]string{
		"at most 10.0 MiB/s (10485760 bytes)":                limitText(10<<20, nil),
		"no limit of the rate":                               limitText(0, nil),
		"still at most 64.0 KiB/s (65536 bytes): unreadable": limitText(64<<10, errors.New("unreadable")),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFollowEndsWithTheDelivery(t *testing.T) {
	limit, err := transfer.NewLimit(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	th := &throttle{limit: limit, file: "nowhere", text: "1M"}
	stop := th.follow(ctx, &limitSeen{})
	cancel()
	stop()
}
