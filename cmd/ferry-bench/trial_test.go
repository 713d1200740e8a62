package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// trialRun makes trials over loopback, of the file "file" in a folder of its own.
type trialRun struct {
	*runner
	set dataset
}

func newTrial(t *testing.T, ctx context.Context) trialRun {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs a shell, and sockets that are seen without a connection")
	}
	src := filepath.Join(t.TempDir(), "large")
	if err := os.Mkdir(src, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "file"), make([]byte, 100_000), 0o666); err != nil {
		t.Fatal(err)
	}
	k, err := newKit()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeAll(k.state); err != nil {
			t.Error(err)
		}
	})
	return trialRun{&runner{ctx: ctx, net: loopback(), kit: k, dst: t.TempDir()}, dataset{path: src, file: "file"}}
}

func (r trialRun) one(l tool) (sample, error) { return r.trial(r.ctx, l, r.set, l.flags) }

func rowOf(t *testing.T, name string) tool {
	t.Helper()
	list, err := choose(tools(), "-only", name)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func TestServerThatEndsAtOnce(t *testing.T) {
	run := newTrial(t, t.Context())
	_, err := run.one(tool{daemon: "sh -c echo unknown command >&2; exit 2", near: "true"})
	if err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("error %v does not say what the server said", err)
	}
}

// What a side starts counts as used by it.
func TestTrialCountsChildren(t *testing.T) {
	run := newTrial(t, t.Context())
	s, err := run.one(tool{near: "sh -c (i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done); true"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Near.CPU <= 0 || s.Near.Peak == 0 || s.Far != (use{}) || s.Seconds <= 0 {
		t.Errorf("%+v", s)
	}
}

// A side that fails ends the run, and the other with all that it started.
func TestTrialEndsWithTheFirstFailure(t *testing.T) {
	run := newTrial(t, t.Context())
	_, err := run.one(tool{headStart: 1, near: `sh -c sleep 1000 & wait; echo >"$DST/ended-well"`, far: "sh -c echo broken >&2; exit 3"})
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(run.dst, "ended-well")); err == nil {
		t.Error("the other side ended well")
	}
}

func TestTrialInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	run := newTrial(t, ctx)
	defer cancel()
	began := filepath.Join(run.dst, "began")
	if err := exec.Command("mkfifo", began).Run(); err != nil {
		t.Skip(err)
	}
	go func() {
		_, _ = os.ReadFile(began) // it runs
		cancel()
	}()
	if _, err := run.one(tool{near: `sh -c echo >"$DST/began"; sleep 1000 & wait`}); err == nil {
		t.Error("an interrupted run counts")
	}
}

// The tools that need nothing but a common system deliver as they should.
func TestCommonTools(t *testing.T) {
	for _, name := range []string{"rsync-daemon", "nc", "tar-nc", "cp"} {
		t.Run(name, func(t *testing.T) {
			run := newTrial(t, t.Context())
			row := rowOf(t, name)
			if err := run.kit.get(t.Context(), row); err != nil {
				t.Skip(err)
			}
			if _, err := run.one(row); err != nil {
				t.Fatal(err)
			}
			if err := compare(run.set.path, run.dst); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFigures(t *testing.T) {
	if got := median([]float64{5, 1, 3}); got != 3 {
		t.Errorf("median of three: %v", got)
	}
	if got := median([]float64{4, 1, 2, 8}); got != 3 {
		t.Errorf("median of four: %v", got)
	}
	a := []sample{{Seconds: 1}, {Seconds: 9}, {Seconds: 2}}
	b := []sample{{Seconds: 2}, {Seconds: 1}, {Seconds: 8}}
	if got := ratio(a, b); got != 0.5 { // of 0.5, 9 and 0.25
		t.Errorf("ratio %v", got)
	}
	if got := (use{Peak: 9 << 20, Hidden: true}).peak(); got != "under 10 MiB" {
		t.Errorf("a hidden peak is shown as %q", got)
	}
}
