package bucket

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Bounds of trying again.
const (
	patience  = 2 * time.Minute
	firstWait = 100 * time.Millisecond
	mostWait  = 10 * time.Second
)

// retrier tries an operation again while it fails by what passes. It has no state that
// changes.
type retrier struct {
	patience time.Duration
	waiting  func(err error, since time.Duration) // may be nil
	region   string
	endpoint string
	bucket   string
}

// attempt is one try of an operation. again says that an earlier one may have been carried
// out, although its answer was lost or told of a failure.
type attempt struct {
	*exchange
	again bool
}

// do runs fn until it succeeds, fails for good, ctx ends, or patience does. What it returns
// is nil or an *Error.
func (r *retrier) do(ctx context.Context, op, key string, fn func(ctx context.Context, a *attempt) error) error {
	return r.within(ctx, r.patience, op, key, fn)
}

func (r *retrier) within(ctx context.Context, patience time.Duration, op, key string, fn func(ctx context.Context, a *attempt) error) error {
	var began time.Time
	wait := firstWait
	for n := 0; ; n++ {
		a := &attempt{exchange: &exchange{}, again: n > 0}
		err := fn(withExchange(ctx, a.exchange), a)
		if err == nil {
			return nil
		}
		if cause := ctx.Err(); cause != nil {
			return &Error{Kind: Other, Op: op, Key: key, Err: context.Cause(ctx)}
		}
		kind, told, passes := r.classify(err, a.exchange)
		failure := &Error{Kind: kind, Op: op, Key: key, Err: told}
		if !passes {
			return failure
		}
		now := time.Now()
		if began.IsZero() {
			began = now
		}
		// Jitter keeps those that failed together from coming back together.
		pause := wait/2 + rand.N(wait/2)
		wait = min(2*wait, mostWait)
		if now.Sub(began)+pause > patience {
			return failure
		}
		if r.waiting != nil {
			r.waiting(failure, now.Sub(began))
		}
		if !sleep(ctx, pause) {
			return &Error{Kind: Other, Op: op, Key: key, Err: context.Cause(ctx)}
		}
	}
}

// sleep waits so long; false says that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// kindOf is the Kind of an *Error, and Other for any else.
func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Other
}
