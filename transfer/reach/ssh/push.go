package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// What is run at a host to look for a program, and to bring one, is a script for sh. It is
// given to the login shell between single quotes, which mean the same to sh, csh and fish
// as long as it has no quote, no backslash, no exclamation mark and no newline in it.

// places are folders for programs there, in the order in which they are tried. Some are on
// file systems that run none.
const places = `"$HOME/.cache/ferry" "${XDG_RUNTIME_DIR:-$HOME/.cache}/ferry" "/var/tmp/ferry-$(id -u)" "/tmp/ferry-$(id -u)"`

// Each version has a folder of its own, NAME.
const (
	lookScript = `echo; echo FERRY-LOOK; uname -sm; for d in ` + places + `; do f=$d/NAME/ferry; test -O "$f" && test -x "$f" && "$f" version >/dev/null 2>&1 && echo "$f" && break; done; echo FERRY-END`
	// A file that says "exit 7" is run first: where that does not work, no program does. A
	// folder that got no program goes again, unless it has others.
	pushScript = `umask 077; for d in ` + places + `; do mkdir -p "$d" 2>/dev/null && test -O "$d" && chmod 700 "$d" || continue; t=$d/NAME.$$; mkdir "$t" || continue; ` +
		`echo "exit 7" 2>/dev/null >"$t/ferry" && chmod 700 "$t/ferry" && "$t/ferry" 2>/dev/null; test $? = 7 || { rm -rf "$t"; rmdir "$d" 2>/dev/null; continue; }; ` +
		`cat >"$t/ferry" && "$t/ferry" version >/dev/null && rm -rf "$d/NAME" && mv "$t" "$d/NAME" && echo && echo FERRY-LOOK && echo "$d/NAME/ferry" && echo FERRY-END && exit; ` +
		`rm -rf "$t"; rmdir "$d" 2>/dev/null; exit 1; done; echo; echo FERRY-LOOK; echo FERRY-END`
	removeScript = `rm -f "NAME/ferry"; rmdir "NAME"; echo; echo FERRY-LOOK; echo FERRY-END`
)

// System is what a host is.
type System struct {
	OS, Arch string // as Go names them; as the host does where Go has no name
	Found    string // where the program is that was looked for; "" if it is not there
}

// maxOutput bounds what a script there may print, in bytes.
const maxOutput = maxBanner + 8<<10

// Look asks a host what it is, and whether it has a program that Push brought as name.
func (c Call) Look(ctx context.Context, name string) (s System, err error) {
	lines, err := c.script(ctx, lookScript, name, nil)
	if err != nil {
		return s, err
	}
	if len(lines) == 0 {
		return s, errors.New("the host did not say what it is")
	}
	kernel, machine, _ := strings.Cut(lines[0], " ")
	s.OS, s.Arch = strings.ToLower(kernel), machineOf(machine)
	if len(lines) > 1 && plainPath(lines[1]) {
		s.Found = lines[1]
	}
	return s, nil
}

// machineOf is Go's name for what uname -m prints.
func machineOf(machine string) string {
	switch machine {
	case "x86_64", "amd64":
		return "amd64"
	case "i386", "i486", "i586", "i686":
		return "386"
	case "aarch64", "arm64":
		return "arm64"
	case "armv6l", "armv7l", "armv8l":
		return "arm"
	}
	return machine
}

// Push brings a program to a host, where it is called name, and returns its path. The
// program is tried there first, and a half of one is never called so.
func (c Call) Push(ctx context.Context, program io.Reader, name string) (path string, err error) {
	lines, err := c.script(ctx, pushScript, name, program)
	var failed *Error
	switch {
	case errors.As(err, &failed) && failed.Exit >= 0 && failed.Exit != sshFailed:
		return "", fmt.Errorf("it could not be written there and run: %w", failed.Err)
	case err != nil:
		return "", err
	case len(lines) == 0 || lines[0] == "":
		return "", errors.New("no folder there takes programs and runs them")
	case !plainPath(lines[0]):
		return "", fmt.Errorf("the path there has characters that shells read in several ways: %s", lines[0])
	}
	return lines[0], nil
}

// Remove removes a program that Push brought.
func (c Call) Remove(ctx context.Context, path string) error {
	_, err := c.script(ctx, removeScript, strings.TrimSuffix(path, "/ferry"), nil)
	return err
}

// plainPath reports that every shell reads a path as itself.
func plainPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@", r))
	})
}

// script runs a script there, in which NAME stands for name, and returns the lines that it
// prints between its marks.
func (c Call) script(ctx context.Context, text, name string, input io.Reader) (lines []string, err error) {
	if !plainPath("/" + name) {
		return nil, errors.New("no name for a program: " + name)
	}
	c.Command = "sh -c '" + strings.ReplaceAll(text, "NAME", name) + "'"
	if input != nil {
		c.Program = append(append([]string(nil), c.program()...), "-C") // programs shrink to a half
	}
	args := c.arguments()
	var out bounded
	said := &said{}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &out, said
	cmd.Cancel = func() error { return ask(cmd.Process) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	said.end()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	_, after, found := strings.Cut(out.String(), "\nFERRY-LOOK\n")
	between, _, whole := strings.Cut("\n"+after, "\nFERRY-END\n")
	switch {
	case found && whole:
		return strings.Split(strings.Trim(between, "\n"), "\n"), nil
	case cmd.ProcessState != nil:
		return nil, &Error{Host: c.Host, Exit: cmd.ProcessState.ExitCode(), Lines: said.lines(), Err: errors.New(lastOf(said.lines(), "the shell there ran no script"))}
	}
	return nil, &Error{Host: c.Host, Exit: -1, Err: err}
}

func lastOf(lines []string, otherwise string) string {
	if len(lines) == 0 {
		return otherwise
	}
	return lines[len(lines)-1]
}

// bounded keeps the first bytes of what is written.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, maxOutput-b.Len()))])
	return len(p), nil
}
