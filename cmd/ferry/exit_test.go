package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/tree"
)

func failed(code framing.Code) *transfer.Error { return &transfer.Error{Op: "step", Code: code} }

func TestExitOfADelivery(t *testing.T) {
	for code, want := range map[framing.Code]int{
		framing.CodeNoSpace: 6, framing.CodePermission: 6, framing.CodeIO: 6, framing.CodeLocked: 6, framing.CodeDestinationGone: 6, framing.CodeReadOnly: 6,
		framing.CodeDigest: 5, framing.CodeDeclined: 4, framing.CodeCodeRefused: 4, framing.CodeBusy: 3,
		framing.CodeVersion: 7, framing.CodeProtocol: 7, framing.CodeInternal: 7,
		framing.CodeLost: 3, framing.CodeTimeout: 3, framing.CodeGaveUp: 3, framing.CodeInterrupted: 3, framing.CodeCancelled: 3,
		framing.CodeUnreadable: 3, framing.CodeConflict: 3, framing.Code(200): 3, // the other side ended it with these
	} {
		remote := failed(code)
		remote.Remote = true
		for _, err := range []error{remote, fmt.Errorf("outer: %w", remote), &link.Error{Code: code, Op: "dial"}} {
			if got := exitOf(t.Context(), err, transfer.Result{}, &tally{}); got != want {
				t.Errorf("%v (%T) exits %d, want %d", err, err, got, want)
			}
		}
		// At this side a cause of single items is no matter of the link.
		if want == 3 && exitOfCode(code) == exitIncomplete {
			want = exitIncomplete
		}
		if got := exitOf(t.Context(), failed(code), transfer.Result{}, &tally{}); got != want {
			t.Errorf("%v at this side exits %d, want %d", failed(code), got, want)
		}
	}
}

func TestExitOfOtherErrors(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(signalError{syscall.SIGINT})
	hungUp, cancel := context.WithCancelCause(t.Context())
	cancel(signalError{syscall.SIGHUP})
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{t.Context(), errors.New("anything"), 1},
		{t.Context(), usagef("send", "wrong"), 2},
		{t.Context(), &exitError{exit: 6, err: errors.New("x")}, 6},
		{t.Context(), &transfer.Error{Code: framing.CodeDeclined, Err: errDeclined}, 4},
		{interrupted, nil, 130}, // cancelled is never success
		{interrupted, failed(framing.CodeLost), 130},
		{hungUp, usagef("send", "wrong"), 143},
	} {
		if got := exitOf(c.ctx, c.err, transfer.Result{}, &tally{}); got != c.want {
			t.Errorf("%v exits %d, want %d", c.err, got, c.want)
		}
	}
}

func TestExitOfFailedItems(t *testing.T) {
	incomplete := fmt.Errorf("%w: some", transfer.ErrIncomplete)
	for _, c := range []struct {
		codes           []framing.Code
		delivered, same int64
		want            int
	}{
		{[]framing.Code{framing.CodeUnreadable}, 0, 0, 1},
		{[]framing.Code{framing.CodeConflict, framing.CodeNoSpace}, 0, 0, 1},
		{[]framing.Code{framing.CodeNoSpace, framing.CodePermission}, 0, 0, 6},
		{[]framing.Code{framing.CodeNoSpace}, 1, 0, 1},
		{[]framing.Code{framing.CodeNoSpace}, 0, 1, 1}, // the second run of the one before
		{[]framing.Code{framing.CodeNoSpace, framing.CodeDigest}, 9, 0, 5},
		{[]framing.Code{framing.CodePermission, framing.CodeCancelled, framing.CodeCancelled}, 0, 0, 6}, // a folder and what is in it
		{[]framing.Code{framing.CodePermission, framing.CodeCancelled}, 1, 0, 1},
	} {
		var count tally
		for _, code := range c.codes {
			f := failed(code)
			f.Path = "x"
			count.Observe(transfer.ItemFailed{Path: "x", Err: f})
		}
		if got := exitOf(t.Context(), incomplete, transfer.Result{Delivered: c.delivered, Same: c.same}, &count); got != c.want {
			t.Errorf("%v with %d delivered and %d there exits %d, want %d", c.codes, c.delivered, c.same, got, c.want)
		}
	}
}

// Folders say nothing of what a destination takes, whether this run made them or the
// one before: the same state gives the same code in every run.
func TestExitOfFoldersAlone(t *testing.T) {
	incomplete := fmt.Errorf("%w: some", transfer.ErrIncomplete)
	for _, status := range []transfer.Status{transfer.StatusDelivered, transfer.StatusSame} {
		var count tally
		count.Observe(transfer.ItemDone{Path: "d", Kind: tree.Folder, Status: status})
		count.Observe(transfer.ItemFailed{Path: "d/x", Err: failed(framing.CodePermission)})
		r := transfer.Result{Delivered: 1}
		if status == transfer.StatusSame {
			r = transfer.Result{Same: 1}
		}
		if got := exitOf(t.Context(), incomplete, r, &count); got != exitDestination {
			t.Errorf("a folder that is %v and a failed file exit %d", status, got)
		}
	}
}

// run is the whole program without a process around it.
func runFerry(t *testing.T, stdin string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	env := &Env{
		Args: append([]string{"ferry"}, args...), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errOut,
		Getenv: func(string) string { return "" },
	}
	exit = run(t.Context(), env)
	return exit, out.String(), errOut.String()
}

func TestUsageErrorInJSON(t *testing.T) {
	for _, c := range []struct {
		args     string
		toStderr bool
	}{
		{"send --json", false}, {"send --bogus --json", false}, {"receive --json --out -", true}, {"receive --json --out=-", true},
	} {
		exit, stdout, stderr := runFerry(t, "", strings.Fields(c.args)...)
		lines, empty := stdout, stderr
		if c.toStderr {
			lines, empty = stderr, stdout
		}
		first, result, _ := strings.Cut(lines, "\n")
		if exit != 2 || empty != "" || !strings.HasPrefix(first, `{"type":"start",`) ||
			strings.Count(result, "\n") != 1 || !strings.HasPrefix(result, `{"type":"result","ok":false,"exit":2,`) {
			t.Errorf("%s: exit %d, standard output %q, standard error %q", c.args, exit, stdout, stderr)
		}
	}
	// Behind -- it is the name of a file.
	if _, stdout, _ := runFerry(t, "", "send", "--", "--json"); stdout != "" {
		t.Errorf("a file named --json gives %q", stdout)
	}
}

func TestHelpToAFullDevice(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"send", "--help"}, {"version"}, {"man"}, {"checksum", "-"}} {
		var errOut bytes.Buffer
		env := &Env{
			Args: append([]string{"ferry"}, args...), Stdin: strings.NewReader("x"), Stderr: &errOut,
			Stdout: failingWriter{syscall.ENOSPC}, Getenv: func(string) string { return "" },
		}
		if exit := run(t.Context(), env); exit != 1 || !strings.Contains(errOut.String(), "standard output") {
			t.Errorf("%v exits %d and says %q", args, exit, errOut.String())
		}
	}
}

// Whatever could not be opened for want of descriptors, no link was lost.
func TestTooManyOpenFiles(t *testing.T) {
	for _, cause := range []error{syscall.EMFILE, syscall.ENFILE} {
		inner := &link.Error{Code: framing.CodeLost, Op: "dial", Err: cause}
		for _, err := range []error{inner, &transfer.Error{Op: "dialling on loopback", Code: framing.CodeLost, Err: inner}} {
			exit := exitOf(t.Context(), err, transfer.Result{}, &tally{})
			if text := errorText(err); exit != exitDestination || codeOf(err) != framing.CodeIO || strings.Contains(text, "lost") {
				t.Errorf("%v: exit %d, %v, %q", err, exit, codeOf(err), text)
			}
		}
	}
}

// What is said of a command line is broken between words, as all else is.
func TestReportFitsTheScreen(t *testing.T) {
	env, screen := ttyEnv("")
	env.Width = func() int { return 40 }
	report(t.Context(), env, usagef("send", "%s", strings.Repeat("a word ", 20)))
	colourless := strings.NewReplacer("\x1b[31m", "", "\x1b[m", "", "\x1b[0m", "")
	for row := range strings.Lines(colourless.Replace(screen.String())) {
		if columns(strings.TrimSuffix(row, "\n")) >= 40 {
			t.Errorf("%q is too long", row)
		}
	}
}

// Before a delivery there is nothing to continue.
func TestInterruptedBeforeADelivery(t *testing.T) {
	env, screen := ttyEnv("")
	env.Args = []string{"ferry", "send", "f"}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(signalError{syscall.SIGINT})
	report(ctx, env, context.Cause(ctx))
	if got := screen.String(); !strings.Contains(got, "to try again") || strings.Contains(got, "continue") {
		t.Errorf("it says\n%s", got)
	}
}

// Tab tells a word that no code begins with from a word that is none.
func TestTabBeforeTheNumber(t *testing.T) {
	for begun, want := range map[string]string{"jui": "number", "173-jx": "no word"} {
		var out bytes.Buffer
		if line, _, _ := codeKey(&out, begun, len(begun), keyTab); line != begun || !strings.Contains(out.String(), want) {
			t.Errorf("%q becomes %q, with %q", begun, line, out.String())
		}
	}
}
