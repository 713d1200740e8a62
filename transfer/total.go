package transfer

import "math"

// plus is a + b, or the nearest number there is. Sizes and counts come from peers
// and from sparse files: their sum may be more than a number holds, and one that
// wrapped around would turn a failure into a success.
func plus(a, b int64) int64 {
	switch s := a + b; {
	case a > 0 && b > 0 && s < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && s >= 0:
		return math.MinInt64
	default:
		return s
	}
}

// grow adds n to a total.
func grow(total *int64, n int64) { *total = plus(*total, n) }
