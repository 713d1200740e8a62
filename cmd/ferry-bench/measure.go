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
	report report
	failed bool      // one run at least
	stdout io.Writer // tables
	stderr io.Writer // what happens meanwhile
}

// measure measures what o says, and prints tables of the results to stdout.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	k, err := newKit()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(k.state)) }()
	work, err := os.MkdirTemp(o.dir, "ferry-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }()

	r := &runner{options: o, ctx: ctx, kit: k, data: filepath.Join(work, "data"), dst: filepath.Join(work, "copy"), stdout: stdout, stderr: stderr}
	if err := r.prepare(); err != nil {
		return err
	}
	r.report.Host = host()
	fmt.Fprintf(stdout, "on %s\n\n", r.report.Host)
	for _, l := range o.links {
		if err := r.overLink(l); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := r.report.write(o.json); err != nil {
			return err
		}
	}
	if o.svg != "" && len(r.report.Results) > 0 {
		if err := r.report.draw(o.svg); err != nil {
			return err
		}
	}
	switch {
	case r.failed:
		return errFailed
	case len(r.report.Results) == 0:
		return errors.New("nothing could be measured")
	}
	return nil
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
		case r.only || ours(l.name):
			return fmt.Errorf("preparing %s: %w", l.name, err)
		default:
			r.leaveOut(l.name, err)
		}
	}
	return nil
}

// leaveOut notes and says what is not measured.
func (r *runner) leaveOut(what string, why error) {
	line := what + ": " + why.Error()
	r.report.LeftOut = append(r.report.LeftOut, line)
	fmt.Fprintln(r.stderr, "left out:", line)
}

// overLink makes all runs over one link.
func (r *runner) overLink(l link) (err error) {
	r.net = loopback()
	if l != (link{}) {
		if r.net, err = emulate(r.ctx, l); err != nil {
			r.leaveOut(l.String(), err)
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
		if err := res.print(r.stdout); err != nil {
			return err
		}
	}
	return nil
}

// inTurn runs all tools in turn, round after round. A tool that fails is out of
// the rest of it.
func (r *runner) inTurn(w workload, set dataset) (*result, error) {
	res := &result{Link: r.net.title, Workload: w.name, Title: set.title + w.after, Bytes: int64(set.bytes), Files: set.files}
	for _, l := range r.tools {
		res.Tools = append(res.Tools, &row{Tool: l.name})
	}
	for round := range r.rounds {
		for i := range r.tools {
			i = (i + round) % len(r.tools) // each tool comes after each other one in some round
			t := res.Tools[i]
			if t.unsuited || t.Error != "" {
				continue
			}
			s, err := w.run(r, r.tools[i], set)
			switch {
			case r.ctx.Err() != nil:
				return nil, r.ctx.Err()
			case errors.Is(err, errUnsuited):
				t.unsuited = true
				r.leaveOut(t.Tool+": "+w.name+": "+res.Link, err)
			case err != nil:
				t.Error, r.failed = err.Error(), true
				fmt.Fprintf(r.stderr, "%s: %s: failed: %v\n", w.name, t.Tool, err)
			default:
				t.Rounds = append(t.Rounds, s)
				fmt.Fprintf(r.stderr, "%s: round %d of %d: %s: %.2f s\n", w.name, round+1, r.rounds, t.Tool, s.Seconds)
			}
		}
	}
	res.Tools = slices.DeleteFunc(res.Tools, func(t *row) bool { return t.unsuited })
	return res, nil
}

// removeAll removes a folder. The far end of a tool that was killed may still write to it.
func removeAll(path string) error {
	for end := time.Now().Add(serverLimit); ; time.Sleep(100 * time.Millisecond) {
		if err := os.RemoveAll(path); err == nil || time.Now().After(end) {
			return err
		}
	}
}
