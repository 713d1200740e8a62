package receive

import (
	"sync"

	"ferry/transfer/internal/flow"
)

// account counts bytes in two sums: what is left may be taken, and what is out was
// taken and not given back. There are two accounts: the credit of the sender (window),
// and the space that is promised to entries (room).
type account struct {
	mu        sync.Mutex
	left, out int64
}

// allow lets n more bytes be taken.
func (a *account) allow(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	flow.Grow(&a.left, n)
}

// take moves n bytes from left to out. It reports false, and moves none, if fewer are
// left.
func (a *account) take(n int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > a.left {
		return false
	}
	a.left -= n
	flow.Grow(&a.out, n)
	return true
}

// give takes n bytes off what is out. They may be taken again once they are allowed
// again.
func (a *account) give(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out -= n
}

// renew has left be what there is beyond the bytes that are out, but no more than most. It
// returns all that there is beyond them.
func (a *account) renew(there, most int64) (beyond int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	beyond = max(there-a.out, 0)
	a.left = min(beyond, most)
	return beyond
}

// sums are both sums at one moment.
func (a *account) sums() (left, out int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left, a.out
}
