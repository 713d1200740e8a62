package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// workload is one thing to measure: a delivery, after something else was done at the
// same destination.
type workload struct {
	name  string
	data  dataKind
	after string // what its title says beside that of the data
	// before leaves how many bytes at the destination; nil leaves it empty.
	before func(r *runner, l tool, set dataset) (had int64, err error)
	flags  func(l tool) string // $FLAGS where they are not those of the tool
}

func (w workload) String() string { return w.name }

func workloads() []workload {
	return []workload{
		{name: "large", data: largeData},
		{name: "small", data: smallData},
		{name: "again", data: smallData, after: ", once more with nothing changed", before: whole},
		{name: "resume", data: largeData, after: fmt.Sprintf(", the rest after an interruption at %d %%", interruptAt), before: interrupted, flags: resuming},
		{name: "shifted", data: editedData, after: ", of which an older version is there", before: older, flags: updating},
	}
}

func resuming(l tool) string { return cmp.Or(l.resume, l.flags) }

func updating(l tool) string { return cmp.Or(l.update, l.flags) }

// run makes one run of a tool to a folder of its own, compares what is there then, and
// returns the figures.
func (w workload) run(r *runner, l tool, set dataset) (s sample, err error) {
	if err := os.Mkdir(r.dst, 0o777); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, removeAll(r.dst), removeAll(r.storeIn())) }()
	settle(r.dst)
	var had int64
	if w.before != nil {
		if had, err = w.before(r, l, set); err != nil {
			return s, err
		}
		settle(r.dst)
	}
	flags := l.flags
	if w.flags != nil {
		flags = w.flags(l)
	}
	if s, err = r.trial(r.ctx, l, set, flags); err == nil && l.store {
		err = r.cleared(set)
	}
	if err == nil {
		err = compare(set.path, r.dst)
	}
	s.Had = had
	return s, err
}

// whole delivers all, so that the run has nothing to do. A tool that does not see that
// delivers it once more.
func whole(r *runner, l tool, set dataset) (had int64, err error) {
	_, err = r.trial(r.ctx, l, set, l.flags)
	return int64(set.bytes), err
}

const (
	// interruptAt is the percentage of the bytes that is there when both sides are told
	// to end, and interruptMost that beyond which there is too little left to measure.
	interruptAt   = 90
	interruptMost = 97
	interruptPoll = time.Millisecond
	// quietTime is how long nothing may come any more before the run.
	quietTime = 200 * time.Millisecond
)

var errTooQuick = fmt.Errorf("%w: it ended before it could be interrupted; a larger -size helps", errUnsuited)

// interrupted begins a delivery and interrupts it. A tool may have fewer bytes afterwards
// than at the interruption; one that keeps nothing has to deliver all.
func interrupted(r *runner, l tool, set dataset) (had int64, err error) {
	ctx, interrupt := context.WithCancel(r.ctx)
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
		interrupt()
	}()
	_, err = r.trial(ctx, l, set, resuming(l))
	stopped := ctx.Err() != nil
	interrupt()
	<-watched
	switch {
	case err == nil:
		return 0, errTooQuick
	case !stopped:
		return 0, err
	}
	// Servers notice late that a client is gone.
	had = -1
	for n := there(r.dst); n != had; n = there(r.dst) {
		had = n
		time.Sleep(quietTime)
	}
	if had/interruptMost > int64(set.bytes)/100 {
		return 0, errTooQuick
	}
	return had, nil
}

// older puts the version before this one at the destination, from which it differs by the
// first MiB and by ten insertions.
func older(r *runner, l tool, set dataset) (had int64, err error) {
	if l.store {
		return 0, fmt.Errorf("%w: an object is put whole", errUnsuited)
	}
	return set.writeOlder(filepath.Join(r.dst, filepath.Base(set.path), set.file))
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
