package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// removeLimit is how long the far end of a tool that was killed may go on to
// write into a folder that is being removed.
const removeLimit = 5 * time.Second

// errFailed is the end of a measurement in which a run failed or its result was
// wrong; which one is in the tables.
var errFailed = errors.New("not every run delivered what it had to")

// run is the program: it measures and prints tables of the results to stdout,
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

	rep := &report{Machine: thisMachine()}
	ready, err := prepare(ctx, o, list, state, rep, stderr)
	if err != nil {
		return err
	}
	if rep.Limits, err = measureLimits(work, o.limitData); err != nil {
		return err
	}
	if err := rep.printLimits(stdout); err != nil {
		return err
	}
	for _, l := range o.links {
		if err := measureLink(ctx, o, l, ready, state, work, rep, stdout, stderr); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := rep.write(o.json); err != nil {
			return err
		}
	}
	return rep.verdict()
}

// prepare returns the tools that can be had here.
func prepare(ctx context.Context, o options, list []tool, state string, rep *report, stderr io.Writer) ([]tool, error) {
	var ready []tool
	for _, t := range list {
		own := filepath.Join(state, t.name())
		err := os.Mkdir(own, 0o700)
		if err == nil {
			err = t.prepare(ctx, own)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			ready = append(ready, t)
		case o.only != "" || t.name() == ferryCopyName:
			return nil, fmt.Errorf("preparing %s: %w", t.name(), err)
		default:
			rep.leaveOut(stderr, leftOut{Tool: t.name(), Reason: err.Error()})
		}
	}
	return ready, nil
}

// runner makes the runs over one network. It belongs to one goroutine.
type runner struct {
	ctx    context.Context
	net    *network
	state  string // folder of the tools' folders
	dst    string
	rounds int
	report *report
	stderr io.Writer
}

func measureLink(ctx context.Context, o options, l link, list []tool, state, work string, rep *report, stdout, stderr io.Writer) (err error) {
	net := loopback()
	if l != (link{}) {
		if net, err = emulate(ctx, l); err != nil {
			rep.leaveOut(stderr, leftOut{Link: l.String(), Reason: err.Error()})
			return nil
		}
	}
	defer func() { err = errors.Join(err, net.close()) }()
	data := filepath.Join(work, "data")
	if err := os.Mkdir(data, 0o777); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(data)) }()

	r := &runner{ctx: ctx, net: net, state: state, dst: filepath.Join(work, "copy"), rounds: o.rounds, report: rep, stderr: stderr}
	sets := make(map[dataKind]dataset)
	for _, w := range o.workloads {
		set, made := sets[w.data]
		if !made {
			if set, err = makeData(w.data, o, l, data); err != nil {
				return err
			}
			sets[w.data] = set
		}
		res, err := r.measure(w, set, list)
		if err != nil {
			return err
		}
		rep.Results = append(rep.Results, res)
		if err := res.print(stdout); err != nil {
			return err
		}
	}
	return nil
}

// measure runs all tools in turn, round after round. A tool that fails is out of
// the rest of it.
func (r *runner) measure(w workload, set dataset, list []tool) (*result, error) {
	res := &result{
		Link: r.net.title, Workload: w.name, Title: w.title(set), Bytes: int64(set.bytes), Files: set.files,
		rated: w.name != "again" && w.name != "resume",
	}
	running := slices.Clone(list)
	rows := make(map[string]*toolResult)
	for round := range r.rounds {
		order := slices.Clone(running)
		for i := range order {
			// Each tool comes after each other one in some round.
			t := order[(i+round)%len(order)]
			s, err := w.run(r, t, set)
			if r.ctx.Err() != nil {
				return nil, r.ctx.Err()
			}
			if err != nil {
				running = slices.DeleteFunc(running, func(other tool) bool { return other == t })
			}
			if errors.Is(err, errUnsuited) {
				r.report.leaveOut(r.stderr, leftOut{Tool: t.name(), Link: res.Link, Workload: w.name, Reason: err.Error()})
				delete(rows, t.name())
				continue
			}
			row := rows[t.name()]
			if row == nil {
				row = &toolResult{Tool: t.name()}
				rows[t.name()] = row
			}
			if err != nil {
				row.Error = err.Error()
				fmt.Fprintf(r.stderr, "%s: %s: failed: %v\n", w.name, t.name(), err)
				continue
			}
			row.samples = append(row.samples, s)
			fmt.Fprintf(r.stderr, "%s: round %d of %d: %s: %.2f s\n", w.name, round+1, r.rounds, t.name(), s.elapsed.Seconds())
		}
	}
	for _, t := range list {
		if row := rows[t.name()]; row != nil {
			res.Tools = append(res.Tools, row)
		}
	}
	res.compute()
	return res, nil
}

// deliver makes one delivery to r.dst and compares what is there then.
func (r *runner) deliver(ctx context.Context, t tool, set dataset, resumed bool) (sample, error) {
	s, err := r.trial(ctx, t, set, resumed)
	if err != nil {
		return s, err
	}
	return s, compare(set.path, r.dst)
}

// trial makes one delivery, and returns after all that it started has ended.
func (r *runner) trial(ctx context.Context, t tool, set dataset, resumed bool) (sample, error) {
	run := &trial{
		ctx: ctx, net: r.net, state: filepath.Join(r.state, t.name()),
		src: set.path, file: set.file, dst: r.dst, resumed: resumed,
	}
	err := t.run(run)
	s, ferr := run.finish()
	return s, errors.Join(err, ferr)
}

// removeAll removes a folder, also while somebody still writes to it.
func removeAll(path string) error {
	for end := time.Now().Add(removeLimit); ; time.Sleep(100 * time.Millisecond) {
		if err := os.RemoveAll(path); err == nil || time.Now().After(end) {
			return err
		}
	}
}
