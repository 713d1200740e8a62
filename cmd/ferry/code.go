package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"ferry/transfer/link"
)

const codeVariable = "FERRY_CODE"

// findCode returns the code from --code-file, FERRY_CODE, or the person at the
// terminal. A side that listens makes one up instead of asking; made says so.
// A code is never an argument, since every user of the machine can read those.
func (p pairing) findCode(ctx context.Context, env *Env) (code link.Code, made bool, err error) {
	if p.codeFile != "" {
		code, err = p.codeFromFile(ctx, env)
		return code, false, err
	}
	if s := env.Getenv(codeVariable); s != "" {
		code, err = p.parseCode(codeVariable, s)
		return code, false, err
	}
	if p.dial == "" {
		code, err = link.GenerateCode()
		return code, true, err
	}
	code, err = p.askCode(ctx, env)
	return code, false, err
}

// codeFromFile reads the first line of --code-file. Nothing behind it is read, as
// standard input may go on with answers.
func (p pairing) codeFromFile(ctx context.Context, env *Env) (link.Code, error) {
	if p.codeFile == "-" {
		if env.StdinTTY {
			return p.askCode(ctx, env)
		}
		line, err := readLine(ctx, env.Stdin)
		if err != nil {
			return link.Code{}, p.stopped(ctx, fmt.Errorf("reading the code from standard input: %w", err))
		}
		return p.parseCode("standard input", line)
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
	return p.parseCode(p.codeFile, line)
}

// parseCode names where a text came from when it is no code, and never the text.
func (p pairing) parseCode(from, text string) (link.Code, error) {
	code, err := link.ParseCode(text)
	if err != nil {
		return code, usagef(p.verb, "%s: %v", from, err)
	}
	return code, nil
}

// askCode asks on the terminal, up to three times if what is typed is no code.
func (p pairing) askCode(ctx context.Context, env *Env) (link.Code, error) {
	in, out := env.Stdin, env.Stderr
	if !env.interactive() {
		// While standard input carries the data a person may still be there.
		if !p.stdinIsData {
			return link.Code{}, p.noCode()
		}
		tty, err := env.OpenTTY()
		if err != nil {
			return link.Code{}, p.noCode()
		}
		defer tty.Close()
		in, out = tty, tty
	}
	for range 3 {
		if _, err := io.WriteString(out, "code: "); err != nil {
			return link.Code{}, p.noCode()
		}
		line, err := readLine(ctx, in)
		if err != nil {
			fmt.Fprintln(out) // the question still stands there
			return link.Code{}, p.stopped(ctx, p.noCode())
		}
		code, err := link.ParseCode(line)
		if err == nil {
			return code, nil
		}
		fmt.Fprintln(out, err)
	}
	return link.Code{}, p.noCode()
}

func (p pairing) noCode() error {
	return usagef(p.verb, "no code: set %s, or give --code-file FILE", codeVariable)
}

// stopped is err as a usage error, unless a signal is what ended the reading.
func (p pairing) stopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return &usageError{verb: p.verb, text: err.Error()}
}

// maxAnswer is the longest line that is read as a code or an answer, in bytes.
const maxAnswer = 1024

var errLongLine = errors.New("line is too long")

// typed reads lines, byte by byte so that nothing behind one is taken. The end of
// input after some text ends a line too. It belongs to one goroutine at a time.
type typed struct {
	from    io.Reader
	pending chan typedLine // a read that was left behind; nil if there is none
}

type typedLine struct {
	text string
	err  error
}

// line returns the next line. When ctx ends first, the read under way is left
// behind, since a read of a terminal cannot be interrupted; the next call has
// what comes of it.
func (t *typed) line(ctx context.Context) (string, error) {
	if t.pending == nil {
		got := make(chan typedLine, 1) // so that the reader left behind can end
		t.pending = got
		go func() { got <- scanLine(t.from) }()
	}
	select {
	case l := <-t.pending:
		t.pending = nil
		return l.text, l.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func scanLine(r io.Reader) typedLine {
	var line []byte
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n', n == 0 && err == io.EOF && len(line) > 0:
			return typedLine{text: string(line)}
		case n == 1 && len(line) == maxAnswer:
			return typedLine{err: errLongLine}
		case n == 1:
			line = append(line, b[0])
		case err != nil:
			return typedLine{err: err}
		}
	}
}

// readLine reads one line, and leaves a read under way behind when ctx ends.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	return (&typed{from: r}).line(ctx)
}
