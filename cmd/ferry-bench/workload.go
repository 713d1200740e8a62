package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// workload is one thing to measure.
type workload struct {
	name string
	data dataKind
	// run makes one run of a tool and returns its figures, with the result
	// checked.
	run func(r *runner, t tool, set dataset) (sample, error)
}

func workloads() []workload {
	return []workload{
		{"large", largeData, fresh},
		{"small", smallData, fresh},
		{"mixed", mixedData, fresh},
		{"again", smallData, again},
		{"resume", largeData, resume},
	}
}

func workloadNames() []string {
	var all []string
	for _, w := range workloads() {
		all = append(all, w.name)
	}
	return all
}

func chooseWorkloads(list string) ([]workload, error) {
	if list == "" {
		return workloads(), nil
	}
	wanted := strings.Split(list, ",")
	for _, w := range wanted {
		if !slices.Contains(workloadNames(), w) {
			return nil, fmt.Errorf("%w: -workload %q: there are %s", errUsage, w, strings.Join(workloadNames(), ", "))
		}
	}
	return slices.DeleteFunc(workloads(), func(w workload) bool { return !slices.Contains(wanted, w.name) }), nil
}

// withData leaves out what a -size or -files of 0 takes the data from.
func withData(list []workload, large, small bool) []workload {
	return slices.DeleteFunc(list, func(w workload) bool {
		return w.data == largeData && !large || w.data == smallData && !small || w.data == mixedData && !(large && small)
	})
}

// title says what was measured.
func (w workload) title(set dataset) string {
	switch w.name {
	case "again":
		return set.title + ", once more with nothing changed"
	case "resume":
		return set.title + fmt.Sprintf(", the rest after an interruption at %d %%", interruptAt)
	}
	return set.title
}

// fresh delivers into an empty folder.
func fresh(r *runner, t tool, set dataset) (sample, error) {
	return r.inFolder(func() (sample, error) { return r.deliver(r.ctx, t, set, false) })
}

// again delivers what was just delivered. A tool that does not see that delivers
// it all.
func again(r *runner, t tool, set dataset) (sample, error) {
	return r.inFolder(func() (sample, error) {
		if _, err := r.deliver(r.ctx, t, set, false); err != nil {
			return sample{}, err
		}
		settle()
		s, err := r.deliver(r.ctx, t, set, false)
		s.had = int64(set.bytes)
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
