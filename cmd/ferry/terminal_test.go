//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// typing runs a command at a terminal of its own, for scripts.
func typing(ts *testscript.TestScript, neg bool, args []string) {
	file, at := "", slices.Index(args, "--")
	if at > 1 && args[0] == "-stdin" {
		file = args[1]
	}
	if neg || at < 3 || at+1 >= len(args) {
		ts.Fatalf("usage: typing [-stdin FILE] CODE TEXT FILE -- CMD ARG...")
	}
	want, err := strconv.Atoi(args[at-3])
	ts.Check(err)
	path, err := exec.LookPath(args[at+1])
	ts.Check(err)
	cmd := exec.Command(path, args[at+2:]...)
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), []string{"PATH=" + os.Getenv("PATH"), "TERM=dumb"}
	for _, name := range []string{"FERRY_CODE", findVariable, "GORACE", "HOME", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	person, screen, err := pty.Open()
	ts.Check(err)
	defer person.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if file != "" {
		f, err := os.Open(ts.MkAbs(file))
		ts.Check(err)
		defer f.Close()
		cmd.Stdin = f
	}
	seen := &awaited{text: args[at-2], found: make(chan struct{})}
	ts.Check(cmd.Start())
	ts.Check(screen.Close())
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(seen, person) // ends with an error once nobody has the screen
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	lines := strings.SplitAfter(ts.ReadFile(args[at-1]), "\n")
	for limit := time.After(scriptLimit); ; {
		select {
		case <-seen.next():
			seen.expect(args[at-2])
			line := "\x04" // the end of the input
			if len(lines) > 1 {
				line, lines = lines[0], lines[1:]
			}
			_, err := io.WriteString(person, line)
			ts.Check(err)
			continue
		case err = <-ended:
		case <-limit:
			ts.Check(cmd.Process.Kill())
			err = errors.New("it did not end")
		}
		break
	}
	<-read
	ts.Logf("%s", seen)
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(strings.ReplaceAll(seen.String(), "\r\n", "\n")), 0o666))
	checkExit(ts, err, want)
}

// at is a person at a terminal.
type at struct {
	person, tty *os.File
	seen        *awaited
}

func terminalOf(t *testing.T) (at, *Env) {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no terminal can be made: %v", err)
	}
	seen := &awaited{text: "? [y/N] ", found: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(seen, person) // ends with an error once the other end is closed
	}()
	t.Cleanup(func() { tty.Close(); <-done; person.Close() })
	return at{person, tty, seen}, &Env{Stdin: tty, Stderr: tty, StdinTTY: true, StderrTTY: true, Getenv: func(string) string { return "" }}
}

func (a at) types(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(a.person, text); err != nil {
		t.Fatal(err)
	}
}

// typedAhead types text and returns once a read of the terminal would have it.
func (a at) typedAhead(t *testing.T, text string) {
	t.Helper()
	a.types(t, text)
	for {
		poll := []unix.PollFd{{Fd: int32(a.tty.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, -1); n == 1 {
			return
		} else if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
}

// What was typed before the question answers nothing.
func TestTypedBeforeTheQuestion(t *testing.T) {
	offer := transfer.Offer{Items: 1, Peer: "192.0.2.9:1", Listed: []transfer.OfferItem{{Name: "a", Kind: tree.File, Size: 1}}}
	for early, late := range map[string]string{"y\n": "n\n", "yes\ny\ny\n": "\n", "n\n": "y\n"} {
		person, env := terminalOf(t)
		c := newConsole(env.Stderr, outputFlags{}, nil, nil)
		person.typedAhead(t, early)
		got := make(chan error, 1)
		go func() { got <- accept(env, c.screen, &landing{stream: true})(t.Context(), offer, nil) }()
		select {
		case err := <-got:
			t.Fatalf("%q, typed before, answers with %v\n%s", early, err, person.seen)
		case <-person.seen.found:
		}
		person.types(t, late)
		if err, want := <-got, map[bool]error{false: errDeclined}[late == "y\n"]; err != want {
			t.Errorf("%q, and %q before, gives %v", late, early, err)
		}
		_ = c.finish(outcome{})
	}
}

// While the question stands, the row above it follows the sender's walk, and what is typed
// meanwhile stays. A terminal that cannot redraw is left alone.
func TestOfferGrowsAboveTheQuestion(t *testing.T) {
	offer := transfer.Offer{Items: 1, Peer: "192.0.2.9:1", Listed: []transfer.OfferItem{{Name: "d", Kind: tree.Folder, Size: -1}}, Extent: transfer.Extent{Files: 1, Bytes: 1}}
	for _, c := range []struct {
		width func() int
		want  string
	}{
		{func() int { return 80 }, "192.0.2.9 offers d/: at least 1 file, 1 B so far\r\nWrite it to standard output? [y/N] \x1b7\x1b[A\r192.0.2.9 offers d/: 2 files, 3 B\x1b[K\x1b8"},
		{nil, "192.0.2.9 offers d/: at least 1 file, 1 B so far\r\nWrite it to standard output? [y/N] "},
	} {
		person, env := terminalOf(t)
		s := newScreen(env.Stderr, c.width, style{}, nil, nil)
		grown := make(chan transfer.Extent) // taken by whoever follows: what is sent twice was shown once
		got := make(chan error, 1)
		go func() { got <- accept(env, s, &landing{stream: true})(t.Context(), offer, grown) }()
		<-person.seen.found
		grown <- transfer.Extent{Files: 2, Bytes: 3}
		grown <- transfer.Extent{Files: 2, Bytes: 3, Whole: true}
		if c.width != nil {
			person.seen.expect("d/: 2 files, 3 B\x1b[K")
			<-person.seen.next()
		}
		person.types(t, "y\n")
		if err := <-got; err != nil {
			t.Error(err)
		}
		s.close()
		if text := person.seen.String(); !strings.HasPrefix(text, c.want[:strings.Index(c.want, "[y/N]")]) || c.width != nil && !strings.Contains(text, c.want[strings.Index(c.want, "\x1b[A"):]) || c.width == nil && strings.Contains(text, "\x1b") {
			t.Errorf("the terminal shows %q, want %q", text, c.want)
		}
	}
}

// A line that a withdrawn question left behind answers no later one.
func TestTypedForAnEarlierQuestion(t *testing.T) {
	person, env := terminalOf(t)
	c := newConsole(env.Stderr, outputFlags{}, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.screen.question(ctx, env, "first? [y/N] ")
		first <- err
	}()
	<-person.seen.found
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatalf("the first question ended with %v", err)
	}
	// The read that was left behind takes this. It has all of it once the next line,
	// which nobody reads, stays where it is.
	c.screen.typed.mu.Lock()
	pending := c.screen.typed.pending
	c.screen.typed.mu.Unlock()
	if _, err := io.WriteString(person.person, "y\n"); err != nil {
		t.Fatal(err)
	}
	l := <-pending
	pending <- l
	person.seen.expect("second? [y/N] ")
	second := make(chan string, 1)
	go func() {
		answer, err := c.screen.question(t.Context(), env, "second? [y/N] ")
		second <- answer
		if err != nil {
			t.Error(err)
		}
	}()
	<-person.seen.next()
	person.types(t, "n\n")
	if got := <-second; got != "n" {
		t.Errorf("the answer is %q", got)
	}
	_ = c.finish(outcome{})
}

// Codes and conflicts are asked for likewise.
func TestTypedBeforeACode(t *testing.T) {
	person, env := terminalOf(t)
	person.seen.expect("code: ")
	person.typedAhead(t, "7-wrong-wrong-wrong\n")
	got := make(chan string, 1)
	go func() {
		code, _, err := newCodeSource(pairing{dial: "h:1"}, env).find(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- code.Reveal()
	}()
	<-person.seen.next()
	person.types(t, aCode+"\n")
	if code := <-got; code != aCode {
		t.Errorf("the code is %q", code)
	}
}
