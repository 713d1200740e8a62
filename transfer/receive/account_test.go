package receive

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer/internal/flow"
)

// The two sums are what was allowed, taken and given, and never more is taken than is
// left.
func TestAccount(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var a account
		var left, out int64
		for range 200 {
			n := rng.Int64N(100)
			switch rng.IntN(4) {
			case 0:
				a.allow(n)
				left += n
			case 1:
				if got, want := a.take(n), n <= left; got != want {
					t.Fatalf("seed %d: take %d of %d: %v", seed, n, left, got)
				} else if got {
					left, out = left-n, out+n
				}
			case 2:
				n = min(n, out)
				a.give(n)
				out -= n
			case 3:
				there := rng.Int64N(200)
				if got := a.renew(there, n); got != max(there-out, 0) {
					t.Fatalf("seed %d: %d are beyond the %d that are out, of %d", seed, got, out, there)
				}
				left = min(max(there-out, 0), n)
			}
			if l, o := a.sums(); l != left || o != out {
				t.Fatalf("seed %d: %d left and %d out, want %d and %d", seed, l, o, left, out)
			}
		}
	}
}

// Sums that a number cannot hold stay at its end.
func TestAccountSaturates(t *testing.T) {
	var a account
	a.allow(math.MaxInt64)
	a.allow(1)
	if !a.take(math.MaxInt64) || a.take(1) {
		t.Error("not exactly the largest number was allowed")
	}
	a.allow(1)
	if l, o := a.sums(); !a.take(1) || l != 1 || o != math.MaxInt64 {
		t.Errorf("%d left and %d out", l, o)
	}
	if _, o := a.sums(); o != math.MaxInt64 {
		t.Errorf("%d out", o)
	}
}

// Goroutines that take at the same time take no more than there is.
func TestAccountIsShared(t *testing.T) {
	var a account
	const there = 1000
	a.allow(there)
	var wg sync.WaitGroup
	taken := make([]int64, 8)
	for i := range taken {
		wg.Go(func() {
			for range there {
				if a.take(3) {
					taken[i] += 3
				}
			}
		})
	}
	wg.Wait()
	var all int64
	for _, n := range taken {
		all += n
	}
	if l, o := a.sums(); all != there/3*3 || l != there-all || o != all {
		t.Errorf("%d taken, %d left, %d out", all, l, o)
	}
}

// sentCredit is a stream 0 that adds up what is granted on it.
type sentCredit struct {
	framing.Stream
	mu      sync.Mutex
	granted int64
}

func (s *sentCredit) Send(_ bool, t framing.Type, parts ...[]byte) error {
	c, err := framing.ParseCredit(parts[0])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.granted += int64(c.Bytes)
	return err
}

// A sender that keeps to its credit never breaks the rules, and has all of it again but
// for less than a step; one byte more than was granted is a violation.
func TestWindow(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var sent sentCredit
		w := window{control: &sent}
		if w.used(1) == nil {
			t.Fatal("there is credit before the first grant")
		}
		if err := w.open(0, 0); err != nil {
			t.Fatal(err)
		}
		var used, open int64 // by the sender; of that, not dealt with
		window := int64(flow.CreditWindow)
		for range 2000 {
			switch n := 1 + rng.Int64N(300<<10); {
			case rng.IntN(100) == 0:
				if err := w.widen(); err != nil {
					t.Fatal(err)
				}
				window += flow.StreamCredit
			case rng.IntN(2) == 0 && used+n <= sent.granted:
				if err := w.used(n); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				used, open = used+n, open+n
			default:
				n = min(n, open)
				if err := w.dealt(n); err != nil {
					t.Fatal(err)
				}
				open -= n
			}
			if idle := window - open - (sent.granted - used); idle < 0 || idle >= creditStep {
				t.Fatalf("seed %d: of %d, %d are open and %d granted", seed, window, open, sent.granted-used)
			}
		}
		if err := w.used(sent.granted - used); err != nil {
			t.Fatalf("seed %d: the last byte: %v", seed, err)
		}
		if w.used(1) == nil {
			t.Fatalf("seed %d: more than was granted", seed)
		}
	}
}

// Each further source at a time widens the window once.
func TestWindowOfSources(t *testing.T) {
	var sent sentCredit
	w := window{control: &sent}
	for _, step := range []struct{ done, asked, most int64 }{{0, 1, 1}, {1, 1, 1}, {0, 2, 3}, {3, 2, 3}, {0, 3, 5}} {
		for range step.done {
			w.sourceDone()
		}
		for range step.asked {
			if err := w.source(); err != nil {
				t.Fatal(err)
			}
		}
		if sent.granted != step.most*flow.StreamCredit {
			t.Fatalf("%+v: %d are granted", step, sent.granted)
		}
	}
}
