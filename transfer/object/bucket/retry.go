package bucket

import (
	"context"
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
	return r.run(ctx, &setbacks{retrier: r, patience: r.patience}, op, key, fn)
}

// within is do that tries again for so long only, counted from its beginning.
func (r *retrier) within(ctx context.Context, patience time.Duration, op, key string, fn func(ctx context.Context, a *attempt) error) error {
	return r.run(ctx, &setbacks{retrier: r, patience: patience, began: time.Now(), next: firstWait}, op, key, fn)
}

func (r *retrier) run(ctx context.Context, setbacks *setbacks, op, key string, fn func(ctx context.Context, a *attempt) error) error {
	for n := 0; ; n++ {
		a := &attempt{exchange: &exchange{}, again: n > 0}
		err := fn(withExchange(ctx, a.exchange), a)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return &Error{Kind: Other, Op: op, Key: key, Err: context.Cause(ctx)}
		}
		kind, told, passes := r.classify(err, a.exchange)
		failure := &Error{Kind: kind, Op: op, Key: key, Err: told}
		// A body that is spoiled on its way each time will be so for ever, and what was refused
		// each time will be.
		if !passes || (kind == Mismatch || kind == Other) && n+1 >= mostTries {
			return failure
		}
		if err := setbacks.wait(ctx, failure); err != nil {
			return err
		}
	}
}

// mostTries is how often a body is sent that the store did not get as it was sent, or that it
// refused for what may pass.
const mostTries = 4

// setbacks are the pauses of one operation. They belong to its goroutine.
type setbacks struct {
	retrier  *retrier
	patience time.Duration
	began    time.Time // of the first setback since there was progress, or of within; zero: none
	next     time.Duration
}

// progress forgets what was before.
func (s *setbacks) progress() { s.began, s.next = time.Time{}, 0 }

// wait waits after a failure. It returns nil if the operation may be tried again, and else an
// *Error: failure where patience ends.
func (s *setbacks) wait(ctx context.Context, failure *Error) error {
	now := time.Now()
	if s.began.IsZero() {
		s.began, s.next = now, firstWait
	}
	// Jitter keeps those that failed together from coming back together.
	pause := s.next/2 + rand.N(s.next/2)
	s.next = min(2*s.next, mostWait)
	since := now.Sub(s.began)
	if since+pause > s.patience {
		return failure
	}
	if s.retrier.waiting != nil {
		s.retrier.waiting(failure, since)
	}
	if !sleep(ctx, pause) {
		return &Error{Kind: Other, Op: failure.Op, Key: failure.Key, Err: context.Cause(ctx)}
	}
	return nil
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
