package transfer

import (
	"fmt"
	"sync"

	"ferry/framing"
)

// MinRate is the lowest limit, in bytes a second: with less no frame is small
// enough to keep to it.
const MinRate = framing.MinLimit

// Limit is how many bytes a second a delivery puts on the wire, or takes off it,
// over all its streams together. It counts frames and what protects them; what
// TCP and IP add, and what is sent again because a link was lost, comes on top.
// It can be changed while a delivery runs. Nil is no limit.
type Limit struct {
	mu      sync.Mutex
	rate    int64         // bytes a second; 0: no limit
	changed chan struct{} // closed and replaced when rate changes
}

// NewLimit returns a limit of so many bytes a second, 0 for none. It begins
// empty: nothing passes ahead of its time.
func NewLimit(rate int64) (*Limit, error) {
	l := &Limit{changed: make(chan struct{})}
	return l, l.Set(rate)
}

// Set changes the limit, also of a delivery that waits under it. It refuses a rate
// below MinRate that is not 0.
func (l *Limit) Set(rate int64) error {
	if rate < 0 || rate > 0 && rate < MinRate {
		return fmt.Errorf("a limit of %d bytes a second: at least %d, or 0 for none", rate, MinRate)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate != rate {
		l.rate = rate
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return nil
}

// Rate returns the limit in bytes a second, 0 for none.
func (l *Limit) Rate() int64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// Watch returns the limit in bytes a second, 0 for none, and what is closed when
// it changes.
func (l *Limit) Watch() (rate int64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate, l.changed
}
