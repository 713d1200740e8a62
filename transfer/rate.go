package transfer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ferry/framing"
)

const (
	// MinRate is the lowest limit, in bytes a second: with less no frame is small
	// enough to keep to it.
	MinRate = framing.MinLimit
	// rateSlack is how much unused time a Limit keeps: what a timer is late. So a
	// delivery that had nothing to send makes up for none of it.
	rateSlack = 20 * time.Millisecond
	// rateFrames is how many frames a second there are at least under a limit, and
	// minLimitedFrame what they are not made smaller than, in bytes: it is what the
	// smallest frame costs of the credit.
	rateFrames      = 8
	minLimitedFrame = minFrameCost - 64
)

// Limit is how many bytes a second a delivery puts on the wire, or takes off it,
// over all its streams together. It counts frames and what protects them; what
// TCP and IP add, and what is sent again because a link was lost, comes on top.
// It can be changed while a delivery runs. Nil is no limit.
type Limit struct {
	turn chan struct{} // held by who waits for bytes: they pass one by one

	mu      sync.Mutex
	rate    int64         // bytes a second; 0: no limit
	changed chan struct{} // closed and replaced when rate changes
	filled  time.Time     // when level was right
	level   float64       // bytes that may pass; at most rateSlack's unless somebody waits for more
}

// NewLimit returns a limit of so many bytes a second, 0 for none. It begins
// empty: nothing passes ahead of its time.
func NewLimit(rate int64) (*Limit, error) {
	l := newLimit(0)
	return l, l.Set(rate)
}

func newLimit(rate int64) *Limit {
	return &Limit{turn: make(chan struct{}, 1), rate: rate, changed: make(chan struct{}), filled: time.Now()}
}

// Set changes the limit, also for who waits. It refuses a rate below MinRate that
// is not 0.
func (l *Limit) Set(rate int64) error {
	if rate < 0 || rate > 0 && rate < MinRate {
		return fmt.Errorf("a limit of %d bytes a second: at least %d, or 0 for none", rate, MinRate)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(time.Now())
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

// watch returns the limit in bytes a second, 0 for none, and what is closed when
// it changes.
func (l *Limit) watch() (rate int64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate, l.changed
}

// follow calls tell after each change of the limit from rate on, until over is
// closed.
func (l *Limit) follow(ctx context.Context, rate int64, over <-chan struct{}, tell func(rate int64) error) error {
	for {
		now, changed := l.watch()
		if now != rate {
			if err := tell(now); err != nil {
				return err
			}
			rate = now
		}
		select {
		case <-changed:
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// fill needs mu.
func (l *Limit) fill(now time.Time) {
	l.level += now.Sub(l.filled).Seconds() * float64(l.rate)
	l.filled = now
}

// take waits until n bytes may pass.
func (l *Limit) take(ctx context.Context, n int) error {
	if l.Rate() == 0 {
		return nil
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	for first := true; ; first = false {
		wait, changed := l.try(n, first)
		if wait == 0 {
			return nil
		}
		due := time.NewTimer(wait)
		select {
		case <-due.C:
		case <-changed:
		case <-ctx.Done():
		}
		due.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// try takes n bytes, or tells how long to wait for them. first is set at the
// first try for them.
func (l *Limit) try(n int, first bool) (wait time.Duration, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(time.Now())
	if first {
		l.level = min(l.level, rateSlack.Seconds()*float64(l.rate))
	}
	switch missing := float64(n) - l.level; {
	case l.rate == 0:
		l.level = 0
		return 0, nil
	case missing > 0:
		return time.Duration(missing/float64(l.rate)*float64(time.Second)) + 1, l.changed
	}
	l.level -= float64(n)
	return 0, nil
}

// frame returns the largest body, in bytes and at most most, with which frames
// are small beside a second of the rate.
func (l *Limit) frame(most int) int {
	rate := l.Rate()
	if rate == 0 {
		return most
	}
	return int(min(int64(most), max(rate/rateFrames, minLimitedFrame)))
}

// smaller returns the smaller of two limits in bytes a second, 0 being none.
func smaller(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// onWire is what a frame with a body of n bytes takes at the most: its header, and
// for each TLS record of 16 KiB a header, a type and a tag. Sealed records take less.
func onWire(n int) int {
	n += 5
	return n + (n+16<<10-1)/(16<<10)*22
}
