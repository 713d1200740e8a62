package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// A delivery gives way if its near end turns out to be gone, and says soon that it does not.
func TestAlone(t *testing.T) {
	const never = time.Hour
	for name, c := range map[string]struct {
		heard, lost, closed time.Duration // until when something comes, and when it is known, after the question
		want                bool
		within              time.Duration
	}{
		"lost before":            {0, 0, never, true, 0},
		"lost soon":              {0, 400 * time.Millisecond, never, true, 450 * time.Millisecond},
		"with much under way":    {underWay / 2, 900 * time.Millisecond, never, true, noticeLimit},
		"it lives":               {never, never, never, false, underWay + 50*time.Millisecond},
		"it lives and is silent": {0, never, never, false, noticeLimit + 50*time.Millisecond},
		"it ends meanwhile":      {0, never, 100 * time.Millisecond, false, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := time.Now()
				w := &waiting{
					over:   make(chan struct{}),
					lost:   func() bool { return time.Since(asked) >= c.lost },
					silent: func() time.Duration { return max(0, time.Since(asked)-c.heard) },
				}
				defer time.AfterFunc(c.closed, func() { close(w.over) }).Stop()
				got := w.alone()
				if took := time.Since(asked); got != c.want || took > c.within {
					t.Errorf("%v after %v", got, took)
				}
			})
		})
	}
}
