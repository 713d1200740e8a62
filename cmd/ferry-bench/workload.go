package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// workload is one thing to measure.
type workload struct {
	name  string
	data  dataKind
	after string // what its title says beside that of the data
	// run makes one run of a tool and returns its figures, with the result
	// checked.
	run func(r *runner, l tool, set dataset) (sample, error)
}

func workloads() []workload {
	return []workload{
		{"large", largeData, "", fresh},
		{"small", smallData, "", fresh},
		{"mixed", mixedData, "", fresh},
		{"again", smallData, ", once more with nothing changed", again},
		{"resume", largeData, fmt.Sprintf(", the rest after an interruption at %d %%", interruptAt), resume},
	}
}

func workloadName(w workload) string { return w.name }

// fresh delivers into an empty folder.
func fresh(r *runner, l tool, set dataset) (sample, error) {
	return r.inFolder(func() (sample, error) { return r.deliver(l, set, false) })
}

// again delivers what was just delivered. A tool that does not see that delivers
// it all.
func again(r *runner, l tool, set dataset) (sample, error) {
	return r.inFolder(func() (sample, error) {
		if _, err := r.deliver(l, set, false); err != nil {
			return sample{}, err
		}
		settle()
		s, err := r.deliver(l, set, false)
		s.Had = int64(set.bytes)
		return s, err
	})
}

// inFolder makes the destination for one run and removes it after it.
func (r *runner) inFolder(run func() (sample, error)) (s sample, err error) {
	if err := os.Mkdir(r.dst, 0o777); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, removeAll(r.dst)) }()
	settle()
	return run()
}

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
func resume(r *runner, l tool, set dataset) (s sample, err error) {
	err = errTooQuick
	for try := 0; try < interruptTries && errors.Is(err, errTooQuick); try++ {
		s, err = r.inFolder(func() (sample, error) {
			had, err := r.interrupted(l, set)
			if err != nil {
				return sample{}, err
			}
			settle()
			s, err := r.deliver(l, set, true)
			s.Had = had
			return s, err
		})
	}
	return s, err
}

// interrupted begins a delivery and interrupts it. It returns how many bytes are
// there afterwards, which a tool may have fewer of than at the interruption.
func (r *runner) interrupted(l tool, set dataset) (int64, error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for there(r.dst) < int64(set.bytes)/100*interruptAt {
			select {
			case <-ctx.Done():
				return
			case <-time.After(interruptPoll):
			}
		}
		cancel()
	}()
	_, err := r.trial(ctx, l, set, true)
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
	// Servers notice late that a client is gone.
	had := int64(-1)
	for n := there(r.dst); n != had; n = there(r.dst) {
		had = n
		select {
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		case <-time.After(quietTime):
		}
	}
	if had/interruptMost > int64(set.bytes)/100 {
		return 0, errTooQuick
	}
	return had, nil
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
