package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeTool copies with the standard library, and then spoils the copy.
type fakeTool struct {
	title    string
	startErr error
	spoil    func(copied string) error
	stopped  int
}

func (f *fakeTool) name() string                        { return f.title }
func (f *fakeTool) start(context.Context, string) error { return f.startErr }
func (f *fakeTool) stop() error                         { f.stopped++; return nil }

func (f *fakeTool) run(ctx context.Context, src, dst string) (int64, error) {
	copied := filepath.Join(dst, filepath.Base(src))
	if err := os.CopyFS(copied, os.DirFS(src)); err != nil {
		return 0, err
	}
	if f.spoil == nil {
		return 1 << 40, ctx.Err()
	}
	return 1 << 40, f.spoil(copied)
}

// measureFakes measures small data and checks that nothing is left behind.
func measureFakes(t *testing.T, ctx context.Context, list ...*fakeTool) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var all []tool
	for _, f := range list {
		all = append(all, f)
	}
	var out, messages bytes.Buffer
	o := options{size: 100_000, files: 250, rounds: 2, dir: dir}
	err = measure(ctx, o, all, &out, &messages)
	for _, f := range list {
		if f.stopped != 1 {
			t.Errorf("%s was stopped %d times", f.title, f.stopped)
		}
	}
	left, rerr := os.ReadDir(dir)
	if rerr != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, rerr)
	}
	return out.String(), messages.String(), err
}

func TestMeasure(t *testing.T) {
	stdout, stderr, err := measureFakes(t, t.Context(),
		&fakeTool{title: reference}, &fakeTool{title: "absent", startErr: errors.New("not installed")}, &fakeTool{title: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stderr, "left out: absent: not installed") {
		t.Errorf("no reason for the missing tool: %s", stderr)
	}
	if n := strings.Count(stderr, ": other: "); n != 4 {
		t.Errorf("%d runs of a tool with two rounds of two sets", n)
	}
	for _, want := range []string{"one file of 97.66 KiB, 2 rounds", "250 files", reference, "other", "1048576 MiB"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the tables lack %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "absent") {
		t.Errorf("the tables have a tool that never ran:\n%s", stdout)
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
			stdout, _, err := measureFakes(t, t.Context(), &fakeTool{title: reference}, &fakeTool{title: "bad", spoil: spoil})
			if err == nil || !strings.Contains(err.Error(), "bad") {
				t.Errorf("error %v does not name the tool", err)
			}
			if stdout != "" {
				t.Errorf("a table was printed:\n%s", stdout)
			}
		})
	}
}

func TestMeasureNeedsItsReference(t *testing.T) {
	_, _, err := measureFakes(t, t.Context(), &fakeTool{title: reference, startErr: errors.New("does not build")})
	if err == nil || !strings.Contains(err.Error(), "does not build") {
		t.Errorf("error %v", err)
	}
}

func TestMeasureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	interrupts := &fakeTool{title: reference, spoil: func(string) error { cancel(); return nil }}
	if _, _, err := measureFakes(t, ctx, interrupts); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDataIsTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if _, err := makeSmall(filepath.Join(dir, name, "small"), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := compare(filepath.Join(dir, "a", "small"), filepath.Join(dir, "b")); err != nil {
		t.Error(err)
	}
	sizes, err := filepath.Glob(filepath.Join(dir, "a", "small", "*", "*"))
	if err != nil || len(sizes) != 1000 {
		t.Fatalf("%d files, %v", len(sizes), err)
	}
	below := 0
	for _, path := range sizes {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < smallMedian {
			below++
		}
	}
	if below < 450 || below > 550 {
		t.Errorf("%d of 1000 files are below the median", below)
	}
}

func TestServerThatEndsAtOnce(t *testing.T) {
	host, port, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	var s server
	err = s.start(t.Context(), exec.Command("go", "nonsense"), host+":"+port)
	if err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("error %v does not say what the server said", err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stopping what ended: %v", err)
	}
}

func TestFigures(t *testing.T) {
	if got := median([]float64{5, 1, 3}); got != 3 {
		t.Errorf("median of three: %v", got)
	}
	if got := median([]time.Duration{4, 1, 2, 8}); got != 3 {
		t.Errorf("median of four: %v", got)
	}
	a := []sample{{elapsed: 1}, {elapsed: 9}, {elapsed: 2}}
	b := []sample{{elapsed: 2}, {elapsed: 1}, {elapsed: 8}}
	if got := ratio(a, b); got != 0.5 { // of 0.5, 9 and 0.25
		t.Errorf("ratio %v", got)
	}
	if got := peakText(5<<20, 9<<20); got != "under 10 MiB" {
		t.Errorf("a hidden peak is shown as %q", got)
	}
}

func TestCommandLine(t *testing.T) {
	var stderr bytes.Buffer
	o, err := parse([]string{"-size", "3M", "-files", "7", "-rounds", "2", "-only", "x", "-dir", "d"}, &stderr)
	if want := (options{3 << 20, 7, 2, "d", "x"}); err != nil || o != want {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{
		{"-size", "1X"}, {"-size", "-1"}, {"-size", ""}, {"-size", "9999999G"}, {"-size", "0", "-files", "0"},
		{"-rounds", "0"}, {"-files", "-1"}, {"more"}, {"-nonsense"},
	} {
		if _, err := parse(args, &stderr); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := choose(tools(), "ferry-copy,scp"); !errors.Is(err, errUsage) {
		t.Errorf("an unknown tool: %v", err)
	}
	if list, err := choose(tools(), "rsync-ssh,ferry-copy"); err != nil || len(list) != 2 || list[0].name() != reference {
		t.Errorf("chosen: %v, %v", names(list), err)
	}
}
