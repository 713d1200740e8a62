package flow

import (
	"math"
	"math/big"
	"testing"
)

// clamped is n as near as an int64 comes to it.
func clamped(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

func FuzzTotals(f *testing.F) {
	for _, a := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 62} {
		for _, b := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 62} {
			f.Add(a, b)
		}
	}
	f.Fuzz(func(t *testing.T, a, b int64) {
		want := clamped(new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
		if got := Plus(a, b); got != want {
			t.Errorf("%d and %d are %d, want %d", a, b, got, want)
		}
		total := a
		if Grow(&total, b); total != want {
			t.Errorf("%d grown by %d is %d", a, b, total)
		}
	})
}
