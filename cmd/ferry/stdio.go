package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"
)

// errClosed: the caller closed a standard descriptor. The Go runtime opens /dev/null in
// its place, so reads end at once and writes vanish.
var errClosed = errors.New("is closed, or is /dev/null opened for both reading and writing (open it for one)")

// streamUse is one thing that standard input is read for.
type streamUse struct {
	is, hold string // "standard input IS and cannot hold HOLD too"
	way      string // what to do about two of them
}

// checkStreams refuses a command line that needs a standard descriptor which is closed,
// or standard input for two things. It runs before anything is opened, dialled or written.
// It looks at flags and arguments only, so that it covers every command.
func checkStreams(c *cli.Context, env *Env) error {
	verb := c.Command.Name
	uses := stdinUses(c, env)
	switch {
	case len(uses) > 0 && env.StdinErr != nil:
		return usagef(verb, "standard input %v, and it %s", env.StdinErr, uses[0].is)
	case len(uses) > 1 && uses[0].is == uses[1].is:
		return usagef(verb, "standard input is named twice, and can be read once")
	case len(uses) > 1:
		return usagef(verb, "standard input %s and cannot hold %s too: %s", uses[0].is, uses[1].hold, uses[1].way)
	}
	if what := stdoutUse(c, env); what != "" && env.StdoutErr != nil {
		return usagef(verb, "standard output %v, and %s goes there", env.StdoutErr, what)
	}
	if what := stderrUse(c, env); what != "" && env.StderrErr != nil {
		return usagef(verb, "standard error %v, and %s goes there", env.StderrErr, what)
	}
	return nil
}

// stdinUses are the readers of standard input that a command line names.
func stdinUses(c *cli.Context, env *Env) []streamUse {
	var uses []streamUse
	const file = "name a file for one of them"
	verb := c.Command.Name
	if what, reads := map[string]string{"send": "sent", "copy": "copied", "checksum": "hashed"}[verb]; reads {
		for _, arg := range c.Args().Slice() {
			if isStdin(arg) && !(verb == "copy" && arg == "-") {
				uses = append(uses, streamUse{is: "is what is " + what, hold: "what is " + what, way: file})
			}
		}
	}
	if verb == "verify" && isStdin(c.Args().First()) {
		uses = append(uses, streamUse{is: "holds the LIST", hold: "the LIST", way: file})
	}
	if c.String(textFlag) == "-" && !env.StdinTTY {
		uses = append(uses, streamUse{is: "holds the message", hold: "the message", way: fmt.Sprintf("use %s or --code-file FILE", codeVariable)})
	}
	if isStdin(c.String("answers")) {
		uses = append(uses, streamUse{is: "holds the answers", hold: "the answers", way: fmt.Sprintf("use %s or --code-file FILE", codeVariable)})
	}
	for _, f := range []string{"files-from", "check"} {
		if isStdin(c.String(f)) {
			uses = append(uses, streamUse{is: "holds the list of --" + f, hold: "the list of --" + f, way: file})
		}
	}
	for _, value := range ruleFiles(c) {
		if value != "-" && isStdin(value) { // "-" is a file there
			uses = append(uses, streamUse{is: "holds the rules of --" + excludeFromFlag, hold: "the rules of --" + excludeFromFlag, way: file})
		}
	}
	if isStdin(c.String("code-file")) && !(c.String("code-file") == "-" && env.StdinTTY && len(uses) > 0) {
		uses = append(uses, streamUse{is: "holds the code", hold: "the code", way: fmt.Sprintf("use %s or --code-file FILE", codeVariable)})
	}
	return uses
}

// isStdin reports whether a path names standard input. It knows the usual names, and
// does not look for a file that is the same as standard input.
func isStdin(path string) bool {
	switch path {
	case "":
		return false
	case "-":
		return true
	}
	return slices.Contains([]string{"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}, filepath.ToSlash(filepath.Clean(path)))
}

// ruleFiles are the values of --exclude-from.
func ruleFiles(c *cli.Context) []string {
	var files []string
	for _, f := range c.Command.Flags {
		g, ok := optionOf(f).DocGenerationFlag.(*cli.GenericFlag)
		if !ok || g.Name != excludeFromFlag {
			continue
		}
		for _, r := range g.Value.(ruleFlag).args.rules {
			if r.flag == excludeFromFlag {
				files = append(files, r.value)
			}
		}
	}
	return files
}

// stdoutUse says what a command writes to standard output that would be lost if that is
// closed; "" if nothing would. A check still has its exit code, and help and version can
// be asked for again. They must not fail: libraries that run programs open /dev/null for
// reading and writing as an output that nobody wants, which looks like a closed one.
func stdoutUse(c *cli.Context, env *Env) string {
	toStream := c.String("out") == "-"
	verb := c.Command.Name
	checks := verb == "verify" || c.IsSet("check")
	sums := checks || verb == "checksum"
	switch {
	case toStream:
		return "what is received"
	case !sums && c.Bool("json") && env.StderrErr != nil:
		return "" // a caller that closed both wants no output, and the exit code remains
	case c.Bool("json"):
		return "the JSON"
	case checks:
		return ""
	case sums:
		return "the list"
	case verb == "man":
		return "the text"
	}
	return ""
}

// stderrUse says what a command writes to standard error that would be lost if that is
// closed; "" if nothing would: for a job that nobody watches the exit code is enough.
func stderrUse(c *cli.Context, env *Env) string {
	pairs := slices.Contains([]string{"send", "receive"}, c.Command.Name)
	toStream := c.String("out") == "-"
	switch {
	case c.Bool("json") && toStream:
		return "the JSON"
	case pairs && !c.Bool("json") && !c.IsSet("to") && !c.IsSet("from") && !c.IsSet("code-file") && env.Getenv(codeVariable) == "":
		return "the code that is made up"
	}
	return ""
}

// unreadable and unwritable say why a standard descriptor is unusable; nil if it is
// usable.
func unreadable(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return notSeen(err)
	case info.IsDir():
		return errors.New("is a folder")
	}
	return unusable(f, info, os.O_RDONLY)
}

func unwritable(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return notSeen(err)
	}
	return unusable(f, info, os.O_WRONLY)
}

// notSeen says why a standard descriptor could not be examined: there is none, or the
// system failed.
func notSeen(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok && e != syscall.EBADF && runtime.GOOS != "windows" {
		return fmt.Errorf("cannot be looked at (%w)", e)
	}
	return errClosed
}
