//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const ourCode = "173-cajoling-enormous-skylight"

// A code can be edited and completed where it is typed, a paste is understood, and what
// may be meant is asked before the code is used.
func TestTypedCode(t *testing.T) {
	const paste, end = "\x1b[200~", "\x1b[201~"
	for name, c := range map[string]struct {
		typed []string // each but the first is typed once the next question stands there
		want  string
	}{
		"plain":           {[]string{ourCode + "\r"}, ourCode},
		"abbreviated":     {[]string{"173 caj eno sky\n"}, ourCode},
		"completed":       {[]string{"173\tcaj\teno\tsky\t\r"}, ourCode},
		"cursor":          {[]string{"73-cajoling-enormous-skyligh\x011\x05t\r"}, ourCode},
		"arrows":          {[]string{"173-cajoling-enormou-skylight" + strings.Repeat("\x1b[D", 9) + "s\r"}, ourCode},
		"home and end":    {[]string{"73-cajoling-enormous-skyligh\x1b[1~1\x1b[4~t\r"}, ourCode},
		"word taken away": {[]string{"173-cajoling-enormous-tiger\x17skylight\r"}, ourCode},
		"all taken away":  {[]string{"nonsense\x15" + ourCode + "\r"}, ourCode},
		"bracketed":       {[]string{paste + "ferry receive --from h:1\rand give it this code when it asks:\r    " + ourCode + end + "\r"}, ourCode},
		"whole screen":    {[]string{paste + "on the other machine run:\r    ferry receive --from h\rand give it this code when it asks:\r    " + ourCode + end + "\r"}, ourCode},
		"pasted":          {[]string{"ferry receive --from h:1\r\n    " + ourCode + "\r\n"}, ourCode},
		"with more":       {[]string{"7-own-secret!\rmore\r"}, "7-own-secret!"},
		"meant":           {[]string{"173-cajoling-enormous-skyligh\r", "\r"}, ourCode},
		"not meant":       {[]string{"173-cajoling-enormous-skyligh\r", "what\r", "n\r"}, "173-cajoling-enormous-skyligh"},
		"meant, again":    {[]string{"173-cajoling-enormous-skyligh\r", "yes it is the one\r", "173-tiger-enormous-skylight\r"}, "173-tiger-enormous-skylight"},
		"brought back":    {[]string{"cajoling enormous skylight\r", "\x1b[A\x01173-\r"}, ourCode},
		"asked again":     {[]string{"oops\r", "ferry receive\r", ourCode + "\r"}, ourCode},
		"a book":          {[]string{paste + strings.Repeat("a line\r", 1<<14) + end, ourCode + "\r"}, ourCode},
		"a book unmarked": {[]string{strings.Repeat("x", 1<<18) + "\r", ourCode + "\r"}, ourCode},
		"escape alone":    {[]string{"\x1b\r", ourCode + "\x1b\r"}, ourCode},
		"control":         {[]string{paste + "\x00173\tcaj\x0eeno\x1bsky\u200b\x07" + end + "\r"}, ourCode},
		"not UTF-8":       {[]string{"7-own-secret\xff\r", "7-own-secret\xe2\x80\r", ourCode + "\r"}, ourCode},
		"CSI of 8 bits":   {[]string{"7-own-secret\u009b31m\r", paste + "7-own-secret\u009b31m" + end + "\r", ourCode + "\r"}, ourCode},
	} {
		t.Run(name, func(t *testing.T) {
			person, env := terminalOf(t)
			before := modesOf(t, person.tty)
			person.seen.expect(codeQuestion)
			got := make(chan string, 1)
			go func() {
				code, _, err := newCodeSource(pairing{dial: "h:1"}, env).find(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- code.Reveal()
			}()
			for i, keys := range c.typed {
				<-person.seen.next()
				person.seen.expect(map[bool]string{true: "[Y/n] ", false: codeQuestion}[strings.Contains(name, "meant") && i+1 < len(c.typed)])
				person.types(t, keys)
			}
			if code := <-got; code != c.want {
				t.Errorf("the code is %q, want %q\n%s", code, c.want, person.seen)
			}
			if after := modesOf(t, person.tty); after != before {
				t.Errorf("the terminal is left as %v, and was %v", after, before)
			}
			if shown := person.seen.String(); strings.ContainsAny(shown, "\x00\x07\x0e\u009b") || !utf8.ValidString(shown) {
				t.Errorf("the terminal was sent %q", shown)
			}
		})
	}
}

func modesOf(t *testing.T, tty *os.File) unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(tty.Fd()), getModes)
	if err != nil {
		t.Fatal(err)
	}
	return *modes
}

// However the question ends, the terminal is as it was before. A shell holds the terminal,
// as it does for people, since what a session leaves behind has no modes.
func TestTerminalIsRestored(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ferry := filepath.Join(t.TempDir(), "ferry")
	if err := os.Symlink(self, ferry); err != nil {
		t.Fatal(err)
	}
	const script = `trap : INT QUIT TSTP TERM
(sh -c 'echo pid $PPID.'; exec "$0" send --to 127.0.0.1:1 "$0")
echo "exit $?."; read x`
	for keys, want := range map[string]string{"\x03": "130", "\x04": "2", "TERM": "143", "\x1c": "2", "oops\roops\roops\r": "2", "\x1a": "130"} {
		person, _ := terminalOf(t)
		before := modesOf(t, person.tty)
		cmd := exec.Command("sh", "-c", script, ferry)
		cmd.Env = append(os.Environ(), "TERM=xterm", "FERRY_CODE=", "GORACE=atexit_sleep_ms=0")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = person.tty, person.tty, person.tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		person.seen.expect(codeQuestion)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-person.seen.next()
		if during := modesOf(t, person.tty); during.Lflag&unix.ICANON != 0 {
			t.Error("the terminal is not raw while the code is asked for")
		}
		signal := func(sig syscall.Signal) {
			_, after, _ := strings.Cut(person.seen.String(), "pid ")
			number, _, _ := strings.Cut(after, ".")
			pid, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			_ = syscall.Kill(pid, sig)
		}
		switch keys {
		case "TERM":
			person.seen.expect("exit ")
			signal(syscall.SIGTERM)
		case "\x1a":
			stopAndContinue(t, person, before, signal)
		default:
			for n := strings.Count(keys, "\r"); n > 1; n-- {
				person.seen.expect(codeQuestion)
				person.types(t, "oops\r")
				<-person.seen.next()
			}
			person.seen.expect("exit ")
			person.types(t, keys[len(keys)-len(strings.TrimPrefix(keys, "oops\roops\r")):])
		}
		<-person.seen.next()
		if after := modesOf(t, person.tty); after != before {
			t.Errorf("%q leaves the terminal as %v, and it was %v", keys, after, before)
		}
		person.types(t, "\n")
		_ = cmd.Wait()
		if !strings.Contains(person.seen.String(), "exit "+want+".") {
			t.Errorf("%q: want exit %s\n%s", keys, want, person.seen)
		}
		if on, off := strings.Count(person.seen.String(), pasteOn), strings.Count(person.seen.String(), pasteOff); on != off {
			t.Errorf("%q: pastes are marked %d times, and %d times not any more", keys, on, off)
		}
	}
}

// stopAndContinue types some letters and Ctrl-Z, lets ferry go on, and types Ctrl-C.
func stopAndContinue(t *testing.T, person at, before unix.Termios, signal func(syscall.Signal)) {
	t.Helper()
	person.seen.expect("173 ca")
	person.types(t, "173 ca")
	<-person.seen.next() // the signal throws away what was not read
	person.seen.expect(pasteOff)
	person.types(t, "\x1a")
	<-person.seen.next()
	if after := modesOf(t, person.tty); after != before {
		t.Errorf("while it is stopped the terminal is %v, and was %v", after, before)
	}
	person.seen.expect("173 ca")
	for again := time.NewTicker(10 * time.Millisecond); ; { // it may not have stopped yet
		select {
		case <-again.C:
			signal(syscall.SIGCONT)
			continue
		case <-person.seen.next(): // the line stands there again
		}
		again.Stop()
		break
	}
	person.seen.expect("exit ")
	person.types(t, "\x03")
}
