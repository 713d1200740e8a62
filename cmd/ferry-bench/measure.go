package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// removeLimit is how long the far end of a tool that was killed may go on to
// write into a folder that is being removed.
const removeLimit = 5 * time.Second

// sample is one run of one tool.
type sample struct {
	elapsed time.Duration
	peak    int64 // bytes, 0 if unknown
}

// run is the program: it measures and prints a table of the result to stdout,
// and what happens meanwhile to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	list, err := choose(tools(), o.only)
	if err != nil {
		return err
	}
	return measure(ctx, o, list, stdout, stderr)
}

func measure(ctx context.Context, o options, list []tool, stdout, stderr io.Writer) (err error) {
	// Programs and keys are not put beside the data: memory may be mounted noexec.
	state, err := os.MkdirTemp("", "ferry-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(state)) }()
	work, err := os.MkdirTemp(o.dir, "ferry-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }()
	// Before the folders go, all that might write there.
	defer func() {
		for _, t := range list {
			err = errors.Join(err, t.stop())
		}
	}()

	var ready []tool
	for _, t := range list {
		own := filepath.Join(state, t.name())
		serr := os.Mkdir(own, 0o700)
		if serr == nil {
			serr = t.start(ctx, own)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case serr == nil:
			ready = append(ready, t)
		case o.only != "" || t.name() == reference:
			return fmt.Errorf("starting %s: %w", t.name(), serr)
		default:
			fmt.Fprintf(stderr, "left out: %s: %v\n", t.name(), serr)
		}
	}
	sets, err := makeData(o, work)
	if err != nil {
		return err
	}
	for _, set := range sets {
		samples, err := runRounds(ctx, set, o.rounds, ready, filepath.Join(work, "copy"), stderr)
		if err != nil {
			return err
		}
		if err := report(stdout, set, names(ready), samples); err != nil {
			return err
		}
	}
	return nil
}

// runRounds returns the samples of each tool, one a round.
func runRounds(ctx context.Context, set dataset, rounds int, list []tool, dst string, stderr io.Writer) ([][]sample, error) {
	samples := make([][]sample, len(list))
	for round := range rounds {
		for i := range list {
			// Each tool comes after each other one in some round.
			i = (i + round) % len(list)
			s, err := runOnce(ctx, set, list[i], dst)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", set.title, list[i].name(), err)
			}
			samples[i] = append(samples[i], s)
			fmt.Fprintf(stderr, "round %d of %d: %s: %.2f s\n", round+1, rounds, list[i].name(), s.elapsed.Seconds())
		}
	}
	return samples, nil
}

func runOnce(ctx context.Context, set dataset, t tool, dst string) (s sample, err error) {
	if err := os.Mkdir(dst, 0o777); err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, removeAll(dst)) }()
	settle()
	began := time.Now()
	s.peak, err = t.run(ctx, set.path, dst)
	s.elapsed = time.Since(began)
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case err != nil:
		return s, err
	}
	return s, compare(set.path, dst)
}

// removeAll removes a folder, also while somebody still writes to it.
func removeAll(path string) error {
	for end := time.Now().Add(removeLimit); ; time.Sleep(100 * time.Millisecond) {
		if err := os.RemoveAll(path); err == nil || time.Now().After(end) {
			return err
		}
	}
}
