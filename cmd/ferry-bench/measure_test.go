package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a tool that copies with the standard library, and then spoils the copy.
func fake(name string, spoil func(copied string) error) tool {
	return tool{name: name, run: func(t *trial) error {
		began := time.Now()
		err := copyFolder(t)
		t.sample = sample{Seconds: time.Since(began).Seconds(), Near: use{Peak: 1 << 40}}
		if err != nil || spoil == nil {
			return errors.Join(err, t.ctx.Err())
		}
		return spoil(filepath.Join(t.dst, filepath.Base(t.set.path)))
	}}
}

func copyFolder(t *trial) error {
	copied := filepath.Join(t.dst, filepath.Base(t.set.path))
	return errors.Join(os.RemoveAll(copied), os.CopyFS(copied, os.DirFS(t.set.path)))
}

// absent is a tool that nobody has.
func absent(name string) tool { return tool{name: name, needs: "ferry-bench-has-no-such-program"} }

// measureFakes measures small data and checks that nothing is left behind.
func measureFakes(t *testing.T, ctx context.Context, workloadList string, list ...tool) (stdout, stderr string, rep report, err error) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	tree := t.TempDir()
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(tree, fmt.Sprint(i)), make([]byte, 40_000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	chosen, err := choose(workloads(), workloadName, "-workload", workloadList)
	if err != nil {
		t.Fatal(err)
	}
	figures := filepath.Join(t.TempDir(), "figures")
	o := options{size: 100_000, files: 250, rounds: 2, dir: dir, tree: tree, tools: list, workloads: chosen, links: []link{{}}, json: figures}
	var out, messages bytes.Buffer
	err = measure(ctx, o, &out, &messages)
	left, rerr := os.ReadDir(dir)
	if rerr != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, rerr)
	}
	if text, rerr := os.ReadFile(figures); rerr == nil {
		if rerr := json.Unmarshal(text, &rep); rerr != nil {
			t.Error(rerr)
		}
	}
	return out.String(), messages.String(), rep, err
}

func TestMeasure(t *testing.T) {
	stdout, stderr, rep, err := measureFakes(t, t.Context(), "large,small,mixed,again",
		fake(ferryCopyName, nil), absent("absent"), fake("other", nil))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stderr, "left out: absent: exec: ") {
		t.Errorf("no reason for the missing tool: %s", stderr)
	}
	if n := strings.Count(stderr, ": other: "); n != 8 {
		t.Errorf("%d runs of a tool with two rounds of four workloads", n)
	}
	for _, want := range []string{
		"one file of 97.66 KiB, over loopback, rounds: 2", "250 files", "a tree of 2 files of 78.12 KiB", "nothing changed",
		ferryCopyName + " takes", "other", "1048576 MiB",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the tables lack %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "absent") {
		t.Errorf("the tables have a tool that never ran:\n%s", stdout)
	}
	if len(rep.Results) != 4 || len(rep.LeftOut) != 1 {
		t.Fatalf("the figures have %d results, %v", len(rep.Results), rep.LeftOut)
	}
	r := rep.Results[0]
	if r.Workload != "large" || r.Bytes != 100_000 || r.Reference != ferryCopyName || len(r.Tools) != 2 {
		t.Errorf("the first result: %+v", r)
	}
	if other := r.Tools[1]; other.Seconds <= 0 || other.Ratio <= 0 || len(other.Rounds) != 2 || other.Near.Peak != 1<<40 {
		t.Errorf("the other tool: %+v", other)
	}
}

func TestMeasureFindsBadCopies(t *testing.T) {
	first := func(copied string) string { return filepath.Join(copied, "file") }
	for name, spoil := range map[string]func(string) error{
		"flipped": func(c string) error {
			data, err := os.ReadFile(first(c))
			if err != nil {
				return err
			}
			data[len(data)-1] ^= 1
			return os.WriteFile(first(c), data, 0o666)
		},
		"short":       func(c string) error { return os.Truncate(first(c), 99_999) },
		"long":        func(c string) error { return os.Truncate(first(c), 100_001) },
		"missing":     func(c string) error { return os.Remove(first(c)) },
		"superfluous": func(c string) error { return os.WriteFile(filepath.Join(c, "more"), nil, 0o666) },
		"beside":      func(c string) error { return os.WriteFile(c+"-more", nil, 0o666) },
		"link":        func(c string) error { return errors.Join(os.Rename(first(c), c+"/x"), os.Symlink("x", first(c))) },
		"failing":     func(string) error { return errors.New("exit status 1") },
	} {
		t.Run(name, func(t *testing.T) {
			stdout, _, rep, err := measureFakes(t, t.Context(), "large", fake(ferryCopyName, nil), fake("bad", spoil))
			if !errors.Is(err, errFailed) {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(stdout, "failed: ") {
				t.Errorf("the table does not say that it failed:\n%s", stdout)
			}
			if len(rep.Results) != 1 {
				t.Fatalf("%d results", len(rep.Results))
			}
			good, bad := rep.Results[0].Tools[0], rep.Results[0].Tools[1]
			if bad.Error == "" || bad.Seconds != 0 || len(bad.Rounds) != 0 {
				t.Errorf("figures of the bad tool: %+v", bad)
			}
			if good.Error != "" || len(good.Rounds) != 2 {
				t.Errorf("the good tool did not go on: %+v", good)
			}
		})
	}
}

func TestMeasureNeedsItsReference(t *testing.T) {
	_, _, _, err := measureFakes(t, t.Context(), "large", absent(ferryCopyName))
	if err == nil || !strings.Contains(err.Error(), "preparing ferry-copy: ") {
		t.Errorf("error %v", err)
	}
}

func TestMeasureLeavesOutWhatIsUnsuited(t *testing.T) {
	unsuited := func(string) error { return fmt.Errorf("%w: too round", errUnsuited) }
	stdout, stderr, rep, err := measureFakes(t, t.Context(), "large", fake(ferryCopyName, nil), fake("peg", unsuited))
	if err != nil || strings.Contains(stdout, "peg") || strings.Count(stderr, "left out: peg") != 1 || len(rep.LeftOut) != 1 {
		t.Errorf("%v\n%s\n%s\n%v", err, stdout, stderr, rep.LeftOut)
	}
}

func TestMeasureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	interrupts := fake(ferryCopyName, func(string) error { cancel(); return nil })
	if _, _, _, err := measureFakes(t, ctx, "large", interrupts); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A tool that is interrupted at its 94th percent, and then completes the file.
func TestResume(t *testing.T) {
	first := false
	resumes := tool{name: ferryCopyName, run: func(run *trial) error {
		if !run.resumed {
			return errors.New("was not told that it will be resumed")
		}
		if first = !first; !first {
			run.sample.Seconds = 1
			return copyFolder(run)
		}
		data, err := os.ReadFile(filepath.Join(run.set.path, run.set.file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(run.dst, "partial"), data[:94_000], 0o666); err != nil {
			return err
		}
		<-run.ctx.Done()
		return errors.Join(os.Remove(filepath.Join(run.dst, "partial")),
			os.MkdirAll(filepath.Join(run.dst, "large"), 0o777),
			os.WriteFile(filepath.Join(run.dst, "large", "file"), data[:93_000], 0o666), run.ctx.Err())
	}}
	quick := fake("quick", nil)
	_, stderr, rep, err := measureFakes(t, t.Context(), "resume", resumes, quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != 1 || len(rep.Results[0].Tools) != 1 || len(rep.Results[0].Tools[0].Rounds) != 2 {
		t.Fatalf("results %+v", rep.Results)
	}
	for _, round := range rep.Results[0].Tools[0].Rounds {
		if round.Had < 90_000 || round.Had > 94_000 {
			t.Errorf("%d bytes were there before", round.Had)
		}
	}
	if !strings.Contains(stderr, "left out: quick: resume: loopback: "+errTooQuick.Error()) {
		t.Errorf("a tool that was not interrupted counts:\n%s", stderr)
	}
}
