package flow

import (
	"context"
	"sync"
	"time"

	"ferry/transfer"
)

const (
	// rateSlack is how much unused time a pacer keeps: as much as a timer may be late. A
	// delivery that had nothing to send for longer does not make up for that.
	rateSlack = 20 * time.Millisecond
	// rateFrames is how many frames a second there are at least under a limit.
	rateFrames = 8
	// MinLimitedFrame is the size, in bytes, below which no limit makes frames smaller: it
	// is what the smallest frame costs of the credit.
	MinLimitedFrame = MinFrameCost - 64
)

// Pacer lets bytes pass at no more than a rate, which can be changed meanwhile. It
// begins empty: nothing passes ahead of its time. Those that wait pass one by one.
type Pacer struct {
	turn chan struct{} // capacity 1: held by the goroutine that waits for bytes

	mu      sync.Mutex
	rate    int64         // bytes a second; 0: no limit
	changed chan struct{} // closed and replaced when rate changes
	filled  time.Time     // when level was right
	level   float64       // bytes that may pass; at most rateSlack's unless somebody waits for more
}

// NewPacer returns a pacer of so many bytes a second, 0 for no limit.
func NewPacer(rate int64) *Pacer {
	return &Pacer{turn: make(chan struct{}, 1), rate: rate, changed: make(chan struct{}), filled: time.Now()}
}

// Set changes the rate, also for a goroutine that waits.
func (l *Pacer) Set(rate int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(time.Now())
	if l.rate != rate {
		l.rate = rate
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// Rate returns the rate in bytes a second, 0 for no limit.
func (l *Pacer) Rate() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// Follow calls tell after each change of a limit from rate on, until over is
// closed.
func Follow(ctx context.Context, l *transfer.Limit, rate int64, over <-chan struct{}, tell func(rate int64) error) error {
	for {
		now, changed := l.Watch()
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
func (l *Pacer) fill(now time.Time) {
	l.level += now.Sub(l.filled).Seconds() * float64(l.rate)
	l.filled = now
}

// Take waits until n bytes may pass.
func (l *Pacer) Take(ctx context.Context, n int) error {
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
func (l *Pacer) try(n int, first bool) (wait time.Duration, changed <-chan struct{}) {
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

// Frame returns the largest body, in bytes and at most most, with which frames
// are small beside a second of the rate.
func (l *Pacer) Frame(most int) int {
	rate := l.Rate()
	if rate == 0 {
		return most
	}
	return int(min(int64(most), max(rate/rateFrames, MinLimitedFrame)))
}

// Smaller returns the smaller of two limits in bytes a second, 0 being none.
func Smaller(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// OnWire is what a frame with a body of n bytes takes at the most: its header, and
// for each TLS record of 16 KiB a header, a type and a tag. Sealed records take less.
func OnWire(n int) int {
	n += 5
	return n + (n+16<<10-1)/(16<<10)*22
}
