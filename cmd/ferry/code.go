package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"ferry/transfer/link"
)

const codeVariable = "FERRY_CODE"

// codeSource finds the code, from --code-file, FERRY_CODE or the person at the
// terminal. A code is never an argument, since every user of the machine can read
// those. It belongs to one goroutine.
type codeSource struct {
	pairing pairing
	env     *Env
	left    int  // questions that may yet be asked
	typed   bool // the code came from the terminal
}

// maxQuestions is how often a person is asked for the code, in all.
const maxQuestions = 3

func newCodeSource(p pairing, env *Env) *codeSource {
	return &codeSource{pairing: p, env: env, left: maxQuestions}
}

// find returns the code. A side that listens generates one instead of asking; made is
// true then.
func (s *codeSource) find(ctx context.Context) (code link.Code, made bool, err error) {
	if s.pairing.codeFile != "" {
		code, err = s.fromFile(ctx)
		return code, false, err
	}
	if text := s.env.Getenv(codeVariable); text != "" {
		code, err = s.parseFrom(codeVariable, text)
		return code, false, err
	}
	if s.pairing.dial == "" {
		code, err = link.GenerateCode()
		return code, true, err
	}
	code, err = s.ask(ctx, nil, "")
	return code, false, err
}

// again asks for another code after the other side refused one. It returns refused if
// the code was not typed, or after maxQuestions questions.
func (s *codeSource) again(ctx context.Context, on *screen, refused error) (link.Code, error) {
	if !s.typed || s.left == 0 {
		return link.Code{}, refused
	}
	code, err := s.ask(ctx, on, "the other side refused that code")
	if err != nil && context.Cause(ctx) == nil {
		err = refused
	}
	return code, err
}

// fromFile reads the first line of --code-file and no byte more: on standard input,
// answers to questions may follow.
func (s *codeSource) fromFile(ctx context.Context) (link.Code, error) {
	p := s.pairing
	if p.codeFile == "-" {
		if s.env.StdinTTY {
			return s.ask(ctx, nil, "")
		}
		line, err := readLine(ctx, s.env.Stdin)
		if err != nil {
			return link.Code{}, p.stopped(ctx, fmt.Errorf("reading the code from standard input: %w", err))
		}
		return s.parseFrom("standard input", line)
	}
	f, err := os.Open(p.codeFile)
	if err != nil {
		return link.Code{}, usagef(p.verb, "reading the code: %v", err)
	}
	defer f.Close()
	line, err := readLine(ctx, f)
	if err != nil {
		return link.Code{}, p.stopped(ctx, fmt.Errorf("reading the code from %s: %w", show(p.codeFile), err))
	}
	if info, err := f.Stat(); err == nil && othersRead(info) {
		fmt.Fprintf(s.env.Stderr, "warning: others can read the code in %s (mode %04o); to keep them out: %s\n",
			show(p.codeFile), info.Mode().Perm(), command("chmod", "600", p.codeFile))
	}
	return s.parseFrom(p.codeFile, line)
}

// othersRead reports whether the mode of a regular file lets users other than its owner
// open it. Windows has no such mode. Pipes and devices are not checked.
func othersRead(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}

var errWeakCode = fmt.Errorf("that code is too easy to guess: behind the room it needs %d bits, as 6 letters, 9 digits or 3 words of ferry's own have; --weak-code takes it all the same", link.MinBits)

func (s *codeSource) parse(text string) (link.Code, error) {
	code, err := link.ParseCode(text)
	if err == nil && code.Weak() && !s.pairing.weakCode {
		return link.Code{}, errWeakCode
	}
	return code, err
}

// parseFrom parses a code. Its error names where the text came from, and never the text
// itself.
func (s *codeSource) parseFrom(from, text string) (link.Code, error) {
	code, err := s.parse(text)
	if err != nil {
		return code, usagef(s.pairing.verb, "%s: %v", show(from), err)
	}
	return code, nil
}

// ask asks on the terminal, and again if what is typed is no code. on is the screen if
// there is one already: its own lines may still be queued. why, if not empty, is shown
// before the first question.
func (s *codeSource) ask(ctx context.Context, on *screen, why string) (link.Code, error) {
	in, out := s.env.Stdin, s.env.Stderr
	if !s.env.interactive() {
		// Standard input carries the data, but a person may sit at the terminal.
		if !s.pairing.stdinIsData {
			return link.Code{}, s.pairing.noCode()
		}
		tty, err := s.env.OpenTTY()
		if err != nil {
			return link.Code{}, s.pairing.noCode()
		}
		defer tty.Close()
		in, out, on = tty, tty, nil
	}
	for s.left > 0 {
		s.left--
		switch {
		case why == "":
		case on != nil:
			on.say(why)
		default:
			fmt.Fprintln(out, why)
		}
		line, err := s.askLine(ctx, in, out, on)
		if err != nil {
			return link.Code{}, s.pairing.stopped(ctx, s.pairing.noCode())
		}
		code, err := s.parse(line)
		if err == nil {
			s.typed = true
			return code, nil
		}
		why = err.Error()
	}
	if on == nil {
		fmt.Fprintln(out, why)
	}
	return link.Code{}, s.pairing.noCode()
}

// askLine puts the question and reads the line that is typed.
func (s *codeSource) askLine(ctx context.Context, in io.Reader, out io.Writer, on *screen) (string, error) {
	const question = "code: "
	if on != nil {
		return on.question(ctx, s.env, question)
	}
	t := &typed{from: in}
	t.discard()
	if _, err := io.WriteString(out, question); err != nil {
		return "", err
	}
	line, err := t.line(ctx)
	if err != nil {
		fmt.Fprintln(out) // the question still stands there
	}
	return line, err
}

func (p pairing) noCode() error {
	return usagef(p.verb, "no code: set %s, or give --code-file FILE", codeVariable)
}

// stopped is err as a usage error, or the signal if one ended the reading.
func (p pairing) stopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return &usageError{verb: p.verb, text: err.Error()}
}
