package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

const (
	// interruptAt is the percentage of the bytes that is there when both sides are
	// told to end.
	interruptAt = 90
	// interruptMost is the percentage beyond which there is too little left to
	// measure.
	interruptMost = 97
	// interruptPoll is how often that is looked at.
	interruptPoll = time.Millisecond
	// interruptTries: a small file may be there whole between two looks.
	interruptTries = 5
	// quietTime is how long nothing may come any more before the second run.
	quietTime = 200 * time.Millisecond
)

var errTooQuick = fmt.Errorf("%w: it ended before it could be interrupted; a larger -size helps", errUnsuited)

// resume interrupts a delivery and measures the one that completes it. A tool
// that keeps nothing delivers all of it.
func resume(r *runner, t tool, set dataset) (sample, error) {
	for range interruptTries {
		s, err := r.inFolder(func() (sample, error) {
			had, err := r.interrupted(t, set)
			if err != nil {
				return sample{}, err
			}
			settle()
			s, err := r.deliver(r.ctx, t, set, true)
			s.had = had
			return s, err
		})
		if !errors.Is(err, errTooQuick) {
			return s, err
		}
	}
	return sample{}, errTooQuick
}

// interrupted begins a delivery and interrupts it. It returns how many bytes are
// there afterwards, which a tool may have fewer of than at the interruption.
func (r *runner) interrupted(t tool, set dataset) (int64, error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	limit := int64(set.bytes) / 100 * interruptAt
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		poll := time.NewTicker(interruptPoll)
		defer poll.Stop()
		for there(r.dst) < limit {
			select {
			case <-ctx.Done():
				return
			case <-poll.C:
			}
		}
		cancel()
	}()
	_, err := r.trial(ctx, t, set, true)
	stopped := ctx.Err() != nil
	cancel()
	<-watched
	switch {
	case r.ctx.Err() != nil:
		return 0, r.ctx.Err()
	case err == nil:
		return 0, errTooQuick
	case !stopped:
		return 0, err
	}
	had := r.quiet()
	if had/interruptMost > int64(set.bytes)/100 {
		return 0, errTooQuick
	}
	return had, nil
}

// quiet waits until no more bytes come, since servers notice late that a client
// is gone, and returns how many there are.
func (r *runner) quiet() int64 {
	for n := there(r.dst); ; {
		select {
		case <-r.ctx.Done():
			return n
		case <-time.After(quietTime):
		}
		if m := there(r.dst); m == n {
			return n
		} else {
			n = m
		}
	}
}

// there is how many bytes of files are in a folder. What vanishes meanwhile does
// not count.
func there(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				total += arrived(info)
			}
		}
		return nil
	})
	return total
}
