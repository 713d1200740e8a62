package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"ferry/cmd/ferry/confine"
)

const (
	insideName = "ferry-inside"
	// triesVariable has what inside tries, see attempt.
	triesVariable = "FERRY_TRIES"
)

// inside is main, and after it was confined it tries things and prints what came
// of them.
func inside() {
	env := osEnv()
	apply := env.Confine
	env.Confine = func(s confine.Set) (confine.Kept, error) {
		kept, err := apply(s)
		fmt.Fprintf(env.Stderr, "inside: kept %+v %v\n", kept, err)
		for try := range strings.FieldsSeq(os.Getenv(triesVariable)) {
			fmt.Fprintf(env.Stderr, "inside: %s: %s\n", try, onThreads(try))
		}
		return kept, err
	}
	ctx, signals := watchSignals(os.Exit)
	os.Exit(signals.exit(run(ctx, env)))
}

// onThreads tries on several threads at once, and says what came of it on each, if
// it was not the same.
func onThreads(try string) string {
	results := make([]string, 8)
	var ready, tried sync.WaitGroup
	ready.Add(len(results))
	for i := range results {
		tried.Go(func() {
			runtime.LockOSThread() // the thread ends with the goroutine
			ready.Done()
			ready.Wait()
			switch err := attempt(try, fmt.Sprint(".", i)); {
			case err == nil:
				results[i] = "done"
			case errors.Is(err, os.ErrPermission):
				results[i] = "refused"
			default:
				results[i] = err.Error()
			}
		})
	}
	tried.Wait()
	return strings.Join(slices.Compact(results), ", ")
}

// attempt does what DOING=WHERE says. What is made gets suffix, one a thread.
func attempt(try, suffix string) error {
	doing, where, _ := strings.Cut(try, "=")
	switch doing {
	case "make":
		return os.WriteFile(where+suffix, []byte("x"), 0o600)
	case "makefolder":
		return os.Mkdir(where+suffix, 0o700)
	case "link":
		return os.Symlink("x", where+suffix)
	case "write":
		f, err := os.OpenFile(where, os.O_WRONLY, 0)
		if err == nil {
			err = f.Close()
		}
		return err
	case "truncate":
		return os.Truncate(where, 0)
	case "remove":
		return os.Remove(where)
	case "move": // what make has made
		from, to, _ := strings.Cut(where, ":")
		return os.Rename(from+suffix, to+suffix)
	case "read", "list":
		f, err := os.Open(where)
		if err == nil {
			err = f.Close()
		}
		return err
	case "run":
		return exec.Command(where).Run()
	case "connect":
		c, err := net.Dial("tcp", where)
		if err == nil {
			err = c.Close()
		}
		return err
	case "listen":
		// Multipath TCP, Go's first choice, is not guarded by any Landlock yet.
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		l, err := config.Listen(context.Background(), "tcp", where)
		if err == nil {
			err = l.Close()
		}
		return err
	}
	return errors.New("unknown")
}

func TestConfinedText(t *testing.T) {
	for _, c := range []struct {
		set  confine.Set
		kept confine.Kept
		err  error
		want string
	}{
		{confine.Set{Folders: []string{"out"}}, confine.Kept{Files: true, Ports: true}, nil,
			"from now on nothing can be written outside of out, and no other port be used (Landlock)"},
		{confine.Set{Folders: []string{"out"}, Renames: []string{"lists"}}, confine.Kept{Files: true, Ports: true}, nil,
			"from now on nothing can be written outside of out, but files below lists can be moved and removed, and no other port be used (Landlock)"},
		{confine.Set{}, confine.Kept{Files: true}, nil, "from now on nothing can be written (Landlock)"},
		{confine.Set{}, confine.Kept{}, confine.ErrNone, "not confined to the delivery: this system has no Landlock"},
	} {
		if got := confinedText(c.set, c.kept, c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
