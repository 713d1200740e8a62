package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// newTrial is one over loopback, of the file "file" in a folder of its own.
func newTrial(t *testing.T, ctx context.Context) *trial {
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
	return &trial{ctx: ctx, net: loopback(), state: t.TempDir(), src: src, file: "file", dst: t.TempDir()}
}

func TestServerThatEndsAtOnce(t *testing.T) {
	run := newTrial(t, t.Context())
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	err = run.daemon(run.far("go", "nonsense"), port)
	if err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("error %v does not say what the server said", err)
	}
	if _, err := run.finish(); err != nil {
		t.Errorf("stopping what ended: %v", err)
	}
}

// What a side starts counts as used by it.
func TestTrialCountsChildren(t *testing.T) {
	run := newTrial(t, t.Context())
	err := run.send(run.near("sh", "-c", "(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done); true"))
	s, ferr := run.finish()
	if err != nil || ferr != nil {
		t.Fatal(err, ferr)
	}
	if s.near.cpu <= 0 || s.near.peak == 0 || s.far != (usage{}) || s.elapsed <= 0 {
		t.Errorf("%+v", s)
	}
}

// A side that fails ends the run, and the other with all that it started.
func TestTrialEndsWithTheFirstFailure(t *testing.T) {
	run := newTrial(t, t.Context())
	p, err := startProcess(run.far("sh", "-c", "sleep 1000 & wait"))
	if err != nil {
		t.Fatal(err)
	}
	run.receivers = append(run.receivers, p)
	if err := run.send(run.near("sh", "-c", "echo broken >&2; exit 3")); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error %v", err)
	}
	if _, err := run.finish(); err != nil {
		t.Error(err)
	}
	if p.err == nil {
		t.Error("the receiver ended well")
	}
}

func TestTrialInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	run := newTrial(t, ctx)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := run.near("sh", "-c", "echo; sleep 1000 & wait")
	cmd.Stdout = w
	go func() {
		_, _ = r.Read(make([]byte, 1)) // it runs
		cancel()
	}()
	err = run.send(cmd)
	if cerr := w.Close(); cerr != nil {
		t.Error(cerr)
	}
	if err == nil {
		t.Error("an interrupted run counts")
	}
	if _, err := run.finish(); err != nil {
		t.Error(err)
	}
}

// The tools that need nothing but a common system deliver as they should.
func TestCommonTools(t *testing.T) {
	for _, tool := range []tool{&rsyncDaemon{}, &netcat{}, &tarNetcat{}, &localCopy{}} {
		t.Run(tool.name(), func(t *testing.T) {
			run := newTrial(t, t.Context())
			if err := tool.prepare(t.Context(), run.state); err != nil {
				t.Skip(err)
			}
			err := tool.run(run)
			if _, ferr := run.finish(); err != nil || ferr != nil {
				t.Fatal(err, ferr)
			}
			if err := compare(run.src, run.dst); err != nil {
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
	a := []sample{{elapsed: 1}, {elapsed: 9}, {elapsed: 2}}
	b := []sample{{elapsed: 2}, {elapsed: 1}, {elapsed: 8}}
	if got := ratio(a, b); got != 0.5 { // of 0.5, 9 and 0.25
		t.Errorf("ratio %v", got)
	}
	if got := peakText(sideUse{Peak: 9 << 20, Hidden: true}); got != "under 10 MiB" {
		t.Errorf("a hidden peak is shown as %q", got)
	}
}
