package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/cmd/ferry/selftest"
)

// liarName is a ferry that does something wrong and says that all is well.
const liarName = "ferry-that-lies"

// lieVariable says which lie it tells; without it the lie follows from the trial.
const lieVariable = "LIE"

// The lies of one side of each trial, by the folder of the trial.
const (
	lieNothing = "nothing" // delivers nothing, and says that it did
	lieDamage  = "delivery"
	lieLitter  = "cut"
	lieForget  = "killed"
	lieCode    = "code"
	lieMeeting = "meeting"
	lieRefusal = "refusal"
)

// liar is the main of that ferry.
func liar() {
	tie(os.Stdin)
	args := os.Args[1:]
	out := valueOf(args, "--out")
	lie := os.Getenv(lieVariable)
	if lie == "" {
		lie = filepath.Base(filepath.Dir(out))
	}
	switch lie {
	case lieNothing:
		pretend(args)
	case lieForget: // what came before the kill
		_ = os.RemoveAll(filepath.Join(out, ".ferry-partial"))
	}
	if os.Getenv(lieCode) != "" {
		os.Setenv("FERRY_CODE", "7-copper-violin-meadow")
	}
	env := osEnv()
	env.Confine = nil
	code := run(context.Background(), env)
	var err error
	switch lie {
	case lieDamage:
		err = damage(filepath.Join(out, "large"), 12_345_678)
	case lieLitter, lieMeeting:
		err = os.WriteFile(filepath.Join(out, "litter"), nil, 0o644)
	case lieRefusal:
		err = os.Chmod(filepath.Join(out, "tree", "sizes", "1"), 0o640)
	}
	if err == nil && os.Getenv(lieSource) != "" && args[0] == "send" {
		err = damage(filepath.Join(filepath.Dir(args[len(args)-2]), "tree", "sizes", "4096"), 4095)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// lieSource set: the sender changes what it sent.
const lieSource = "LIE_SOURCE"

func valueOf(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// pretend says all that a delivery says.
func pretend(args []string) {
	encoder := json.NewEncoder(os.Stdout)
	if slices.Contains(args, "--listen") {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			os.Exit(exitConnection)
		}
		_ = encoder.Encode(jsonListening{Type: "listening", Addresses: []string{ln.Addr().String()}})
	}
	_ = encoder.Encode(jsonResult{Type: "result", OK: true, Durable: true, Acknowledged: true})
	os.Exit(exitOK)
}

// damage changes one byte of a file, which is no x, and leaves its time as it was.
func damage(path string, at int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("x"), at)
	return errors.Join(err, f.Close(), os.Chtimes(path, time.Time{}, info.ModTime()))
}

// selftested runs the selftest of a program, and returns its rows by name and what stays.
func selftested(t *testing.T, ctx context.Context, program string, env ...string) (rows map[string]selftest.Row, kept string, err error) {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rows = make(map[string]selftest.Row)
	kept, err = selftest.Run(ctx, selftest.Config{
		Program: path, Env: append(childEnv(os.Environ()), append(env, "GORACE=atexit_sleep_ms=0")...), Dir: dir, Patience: 15 * time.Second, SizeText: sizeText,
		Begin: func(selftest.Place) {},
		Tell:  func(r selftest.Row) { rows[r.Name] = r },
	})
	entries, rerr := os.ReadDir(dir)
	if rerr != nil || kept == "" && len(entries) > 0 || kept != "" && (len(entries) != 1 || filepath.Join(dir, entries[0].Name()) != kept) {
		t.Errorf("%q is said to stay, and %v is there, %v", kept, entries, rerr)
	}
	t.Cleanup(func() { unlock(kept) })
	return rows, kept, err
}

// unlock lets what stays be removed.
func unlock(dir string) {
	for _, d := range []string{"source", "delivery/out", "code/out", "refusal/out"} {
		_ = os.Chmod(filepath.Join(dir, d, "tree", "with space", "deeper"), 0o700)
	}
}

func TestSelftestCatchesLies(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want map[string]string // what is said of the trials that fail
	}{
		{"nothing is delivered", []string{lieVariable + "=" + lieNothing}, map[string]string{
			"a folder and a large file": "out", "a link that is cut": "out", "a receiver that is killed": "the sender ended early with exit code 0",
			"a wrong code": "the sender ended with exit code 0, and 4 was due", "a disk that takes no more": "ended with exit code 0, and 1 was due",
			"the code alone, at a relay": "its path was",
		}},
		{"each side lies otherwise", []string{lieCode + "=1"}, map[string]string{
			"a folder and a large file": `"large" differs at byte 12345678`, "a link that is cut": `"litter" was left there`,
			"a receiver that is killed": "had settled", "a wrong code": "the sender ended with exit code 0, and 4 was due",
			"the code alone, at a relay": `"litter" was left there`,
			"a disk that takes no more":  `"tree/sizes/1" has the mode`,
		}},
		{"the source changes", []string{lieSource + "=1", lieVariable + "=none"}, map[string]string{
			"the sources": `"tree/sizes/4096" differs at byte 4095`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, kept, err := selftested(t, t.Context(), liarName, c.env...)
			if err != nil || kept == "" {
				t.Fatalf("ended with %v, and %q stays", err, kept)
			}
			for name, want := range c.want {
				if name == "a disk that takes no more" && runtime.GOOS == "windows" {
					continue // not tried
				}
				if r := rows[name]; r.Status != selftest.Failed || !strings.Contains(r.Detail, want) {
					t.Errorf("%s: %s: %q, and %q was to be said", name, r.Status, r.Detail, want)
				}
			}
		})
	}
}

// A program that is no ferry at all fails, and does not hang.
func TestSelftestOfNoFerry(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a program called true")
	}
	rows, _, err := selftested(t, t.Context(), "true")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a folder and a large file", "a wrong code"} {
		if r := rows[name]; r.Status != selftest.Failed || !strings.Contains(r.Detail, "ended without listening: exit code 0") {
			t.Errorf("%s: %s: %q", name, r.Status, r.Detail)
		}
	}
}

// A selftest that is interrupted while its processes run leaves none, and no folder.
func TestSelftestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := signalError{syscall.SIGINT}
	defer cancel(nil)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path, err := exec.LookPath("ferry")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	told := 0
	kept, err := selftest.Run(ctx, selftest.Config{
		Program: path, Env: childEnv(os.Environ()), Dir: dir, SizeText: sizeText,
		Begin: func(selftest.Place) {},
		Tell:  func(selftest.Row) { told++; cancel(stop) },
	})
	entries, _ := os.ReadDir(dir)
	if !errors.Is(err, stop) || kept != "" || told != 1 || len(entries) > 0 {
		t.Errorf("ended with %v after %d rows, %q stays, there are %v", err, told, kept, entries)
	}
}

// The exit code that programs are told is the one that the process ends with.
func TestSelftestEndedBySignal(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupted, syscall.SIGTERM: exitTerminated} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(signalError{sig})
		table := &selftestTable{env: &Env{Args: []string{"ferry", "selftest"}}}
		var end *exitError
		if err := table.settle(ctx, selftest.Config{}, "", context.Cause(ctx)); !errors.As(err, &end) || end.exit != want {
			t.Errorf("%v ends with %v, want the exit code %d", sig, err, want)
		}
	}
}

// What a selftest starts ends with it, even if it was killed: with standard input.
func TestTiedProcess(t *testing.T) {
	path, err := exec.LookPath("ferry")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "receive", "--yes", "--json", "--listen", "127.0.0.1:0", "--out", t.TempDir())
	cmd.Env = append(childEnv(os.Environ()), "FERRY_CODE=7-copper-violin-meadow", selftest.Tied+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	seen := &awaited{text: `"listening"`, found: make(chan struct{})}
	cmd.Stdout = seen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-seen.found:
	case err := <-ended:
		t.Fatalf("ended before it listened: %v\n%s", err, seen)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-ended; !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("ended with %v", err)
	}
}
