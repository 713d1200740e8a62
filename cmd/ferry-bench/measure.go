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

// runner makes all runs, one after the other. It belongs to one goroutine.
type runner struct {
	options
	ctx    context.Context
	kit    *kit
	net    *network
	data   string // folder of the data
	dst    string
	report *report
	stderr io.Writer
}

func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	k, err := newKit()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	work, err := os.MkdirTemp(o.dir, "ferry-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }()

	r := &runner{
		options: o, ctx: ctx, kit: k, data: filepath.Join(work, "data"), dst: filepath.Join(work, "copy"),
		report: &report{Machine: thisMachine()}, stderr: stderr,
	}
	if err := r.prepare(); err != nil {
		return err
	}
	for _, l := range o.links {
		if err := r.overLink(l, stdout); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := r.report.write(o.json); err != nil {
			return err
		}
	}
	return r.report.verdict()
}

// prepare leaves the tools that can be had here.
func (r *runner) prepare() error {
	all := r.tools
	r.tools = nil
	for _, l := range all {
		err := r.kit.get(r.ctx, l)
		switch {
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		case err == nil:
			r.tools = append(r.tools, l)
		case r.only || l.name == ferryCopyName:
			return fmt.Errorf("preparing %s: %w", l.name, err)
		default:
			r.leaveOut(leftOut{Tool: l.name, Reason: err.Error()})
		}
	}
	return nil
}

// leaveOut notes and says what is not measured.
func (r *runner) leaveOut(l leftOut) {
	r.report.LeftOut = append(r.report.LeftOut, l)
	fmt.Fprintln(r.stderr, l)
}

// overLink makes all runs over one link.
func (r *runner) overLink(l link, stdout io.Writer) (err error) {
	r.net = loopback()
	if l != (link{}) {
		if r.net, err = emulate(r.ctx, l); err != nil {
			r.leaveOut(leftOut{Link: l.String(), Reason: err.Error()})
			return nil
		}
	}
	defer func() { err = errors.Join(err, r.net.close(), removeAll(r.data)) }()
	sets := make(map[dataKind]dataset)
	for _, w := range r.workloads {
		if _, made := sets[w.data]; !made {
			if sets[w.data], err = makeData(w.data, r.options, l, r.data); err != nil {
				return err
			}
		}
		res, err := r.inTurn(w, sets[w.data])
		if err != nil {
			return err
		}
		r.report.Results = append(r.report.Results, res)
		if err := res.print(stdout); err != nil {
			return err
		}
	}
	return nil
}

// inTurn runs all tools in turn, round after round. A tool that fails is out of
// the rest of it.
func (r *runner) inTurn(w workload, set dataset) (*result, error) {
	res := &result{Link: r.net.title, Workload: w.name, Title: set.title + w.after, Bytes: int64(set.bytes), Files: set.files}
	running := make([]*toolResult, len(r.tools)) // nil for a tool that is out
	for i, l := range r.tools {
		running[i] = &toolResult{Tool: l.name, Rounds: []sample{}}
	}
	res.Tools = slices.Clone(running)
	for round := range r.rounds {
		for i := range running {
			i = (i + round) % len(running) // each tool comes after each other one in some round
			row, l := running[i], r.tools[i]
			if row == nil {
				continue
			}
			s, err := w.run(r, l, set)
			switch {
			case r.ctx.Err() != nil:
				return nil, r.ctx.Err()
			case errors.Is(err, errUnsuited):
				r.leaveOut(leftOut{Tool: l.name, Link: res.Link, Workload: w.name, Reason: err.Error()})
				res.Tools = slices.DeleteFunc(res.Tools, func(t *toolResult) bool { return t == row })
				running[i] = nil
			case err != nil:
				fmt.Fprintf(r.stderr, "%s: %s: failed: %v\n", w.name, l.name, err)
				row.Error = err.Error()
				running[i] = nil
			default:
				row.Rounds = append(row.Rounds, s)
				fmt.Fprintf(r.stderr, "%s: round %d of %d: %s: %.2f s\n", w.name, round+1, r.rounds, l.name, s.Seconds)
			}
		}
	}
	res.compute()
	return res, nil
}

// deliver makes one delivery to r.dst and compares what is there then.
func (r *runner) deliver(l tool, set dataset, resumed bool) (sample, error) {
	s, err := r.trial(r.ctx, l, set, resumed)
	if err != nil {
		return s, err
	}
	return s, compare(set.path, r.dst)
}

// trial makes one delivery, and returns after all that it started has ended.
func (r *runner) trial(ctx context.Context, l tool, set dataset, resumed bool) (sample, error) {
	t := &trial{ctx: ctx, net: r.net, kit: r.kit, set: set, dst: r.dst, resumed: resumed}
	err := t.run(l)
	return t.finish(), err
}

// removeAll removes a folder, also while somebody still writes to it.
func removeAll(path string) error {
	for end := time.Now().Add(removeLimit); ; time.Sleep(100 * time.Millisecond) {
		if err := os.RemoveAll(path); err == nil || time.Now().After(end) {
			return err
		}
	}
}
